"""What is submitted for a preparation: the workchain that trains, or learns."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_superionic.campaigns.builders import Machine, SourceError, lammps_of, shipped_potential, structure_of
from aiida_superionic.campaigns.execution import ENGINE
from aiida_superionic.campaigns.potential_spec import LINEAR
from aiida_superionic.campaigns.preparation_spec import PreparationSpecification
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.workchains.learn import LearnWorkChain
from aiida_superionic.workchains.train import TrainWorkChain

_TRAINERS = {LINEAR: ("fit",), "deepmd": ("deepmd",), "nequip": ("nequip-train", "nequip-compile")}
"""The codes that train a family."""
_TEACHERS_LAMMPS = "lammps"


def codes_of_preparation(specification: PreparationSpecification) -> tuple[str, ...]:
    """Return the names of the codes that an attempt at a preparation runs."""
    codes = (*_TRAINERS[specification.family], lammps_of(specification.family))
    if specification.kind == "train":
        return codes
    labels = _TEACHERS_LAMMPS if "teacher" in specification.labels else "cp2k"
    return (*codes, "assessment" if specification.family == LINEAR else "conversion", labels)


def preparation_builder(specification: PreparationSpecification, machine: Machine) -> ProcessBuilder:
    """Return the builder of an attempt at a preparation, but for the preparation's node.

    Raises
    ------
    SourceError
        If the graph does not hold its dataset, or a structure that it explores.
    """
    query = orm.QueryBuilder().append(
        DatasetData, filters={"attributes.sha256": specification.dataset, "attributes.split.train": {">": 0}}
    )
    dataset = query.first(flat=True)
    if dataset is None:
        raise SourceError(f"the graph holds no dataset with the content {specification.dataset[:8]}")
    if specification.kind == "train":
        return _training(specification, machine, dataset)
    return _learning(specification, machine, dataset)


def _training(specification: PreparationSpecification, machine: Machine, dataset: DatasetData) -> ProcessBuilder:
    trainer, *compiler = _TRAINERS[specification.family]
    return TrainWorkChain.get_builder_from_protocol(
        specification.family,
        machine.codes[trainer],
        machine.codes[lammps_of(specification.family)],
        dataset,
        seed=specification.seed,
        committee=4 if specification.committee is None else specification.committee,
        version=code_version(machine.codes[trainer]),
        compile_code=machine.codes[compiler[0]] if compiler else None,
        overrides=dict(specification.settings),
        options=machine.options(ENGINE),
    )


def _learning(specification: PreparationSpecification, machine: Machine, dataset: DatasetData) -> ProcessBuilder:
    structures = {
        f"structure_{number}": structure_of(said, specification.seed)
        for number, said in enumerate(specification.structures)
    }
    teacher = specification.labels.get("teacher")
    own: dict[str, Any]
    if specification.family == LINEAR:
        own = {
            "fit_code": machine.codes["fit"],
            "assessment_code": machine.codes["assessment"],
            "version": code_version(machine.codes["fit"]),
            "basis": dict(specification.settings),
        }
    else:
        own = {
            "train": _training(specification, machine, dataset),
            "conversion_code": machine.codes["conversion"],
        }
    builder = LearnWorkChain.get_builder_from_protocol(
        machine.codes[lammps_of(specification.family)],
        dataset,
        structures,
        machine.codes["cp2k"] if teacher is None else shipped_potential(teacher),
        temperatures=list(specification.temperatures),
        mobile=list(specification.mobile),
        seed=specification.seed,
        label_protocol=specification.labels.get("level", "balanced"),
        overrides=dict(specification.exploration),
        options=machine.options(ENGINE),
        **own,
    )
    if teacher is not None:
        builder.evaluate.code = machine.codes[_TEACHERS_LAMMPS]
    return builder
