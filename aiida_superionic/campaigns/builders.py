"""What is submitted for a point: the workchain that is an attempt at it, with everything that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_superionic.calculations.analyse import names_that_take_the_crystal
from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.calculations.functions import make_sites, make_structure, repeat_structure
from aiida_superionic.campaigns.execution import ANALYSIS, ENGINE, Resources
from aiida_superionic.campaigns.graph_structures import structure_with
from aiida_superionic.campaigns.keys import LATTICE_MODELS, PADDLEWHEEL
from aiida_superionic.campaigns.point_spec import ForcesSpecification, PointSpecification
from aiida_superionic.campaigns.preparations import prepared_potential
from aiida_superionic.data.contents import stored_with
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.errors import SuperionicError
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.lattice_base import LatticeBaseWorkChain
from aiida_superionic.workchains.paddlewheel import PaddlewheelWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

LATTICE_CODE = "lattice"
_LAMMPS_OF_FAMILY = {"deepmd": "lammps-deepmd", "nequip": "lammps-nequip"}


class SourceError(SuperionicError, ValueError):
    """A structure or potential that a point is about, and that the graph does not hold."""


@dataclass(frozen=True)
class Machine:
    """What runs the jobs, and what they may take of it.

    Parameters
    ----------
    codes
        By the names of engines.
    resources
        What jobs take; what the codes' computers have by default if absent.
    """

    codes: Mapping[str, orm.AbstractCode]
    resources: Resources = field(default_factory=Resources)

    def options(self, kind: str) -> dict[str, Any]:
        """Return the ``metadata.options`` of one kind of jobs."""
        return self.resources.options_of(kind)


def codes_of(specification: PointSpecification) -> tuple[str, ...]:
    """Return the names of the codes that an attempt at a point runs."""
    if specification.engine in LATTICE_MODELS:
        return (LATTICE_CODE,)
    if specification.engine == PADDLEWHEEL:
        engines = dict.fromkeys(lammps_of(model.potential) for model in specification.models)
        of_electrons = ("cp2k",) if specification.electrons or specification.ab_initio else ()
        return (*engines, *of_electrons, "analysis", "conversion")
    return _engine_code(specification), "analysis"


def _engine_code(specification: PointSpecification) -> str:
    if specification.engine == "lammps":
        return lammps_of(specification.potential)
    return specification.engine


def lammps_of(family: str) -> str:
    """Return the name of the LAMMPS that runs a family of potentials."""
    return _LAMMPS_OF_FAMILY.get(family, "lammps")


def attempt_builder(specification: PointSpecification, machine: Machine) -> ProcessBuilder:
    """Return the builder of an attempt at a point, but for the point's node.

    Raises
    ------
    SourceError
        If the graph does not hold its structure or potential.
    """
    if specification.engine in LATTICE_MODELS:
        return _lattice_builder(specification, machine)
    if specification.engine == PADDLEWHEEL:
        return _paddlewheel_builder(specification, machine)
    return _dynamics_builder(specification, machine)


def _lattice_builder(specification: PointSpecification, machine: Machine) -> ProcessBuilder:
    model = lattice_models()[specification.material]
    given = {
        **specification.md,
        "ions": int(specification.md["ions"]),
        "cells": list(specification.supercell),
        "equations": LATTICE_MODELS[specification.engine],
        "statistics": specification.statistics,
    }
    return LatticeBaseWorkChain.get_builder_from_protocol(
        machine.codes[LATTICE_CODE],
        model.request(specification.potential).model_dump(mode="json", exclude_none=True),
        temperature=specification.temperature,
        seed=specification.seed,
        species=model.mobile,
        version=code_version(machine.codes[LATTICE_CODE]),
        overrides=given,
        options=machine.options(ENGINE),
    )


def _paddlewheel_builder(specification: PointSpecification, machine: Machine) -> ProcessBuilder:
    mobile, charges = _ions(specification)
    said, seed = specification.model_dump(), specification.seed
    models = {model.name.replace("-", "_").replace(".", "_"): model for model in specification.models}
    return PaddlewheelWorkChain.get_builder_from_protocol(
        machine.codes,
        {name: machine.codes[lammps_of(model.potential)] for name, model in models.items()},
        structure_of(said, seed),
        {name: _potential(model) for name, model in models.items()},
        temperature=specification.temperature,
        mobile=mobile,
        formal_charges=charges,
        seed=seed,
        version=code_version(machine.codes["analysis"]),
        larger={
            "x".join(map(str, repeats)): structure_of({**said, "supercell": repeats}, seed)
            for repeats in specification.larger
        },
        times_of_larger=specification.larger_md,
        ab_initio=specification.ab_initio,
        times_of_ab_initio=specification.ab_initio_md,
        centres=said["electrons"],
        observables=specification.observables,
        overrides=dict(specification.md),
        options=machine.options(ENGINE),
    )


def _dynamics_builder(specification: PointSpecification, machine: Machine) -> ProcessBuilder:
    mobile, charges = _ions(specification)
    structure = structure_of(specification.model_dump(), specification.seed)
    sites = specification.structure is None and names_that_take_the_crystal(specification.observables)
    builder = TransportWorkChain.get_builder_from_protocol(
        machine.codes[_engine_code(specification)],
        machine.codes["analysis"],
        structure,
        _forces(specification),
        temperature=specification.temperature,
        mobile=mobile,
        formal_charges=charges,
        seed=specification.seed,
        constraint=specification.held,
        sites=_sites(structure) if sites else None,
        ensemble=specification.ensemble,
        observables=specification.observables,
        version=code_version(machine.codes["analysis"]),
        overrides=dict(specification.md),
        options=machine.options(ENGINE),
    )
    builder.analyse["metadata"]["options"]._update(machine.options(ANALYSIS))
    return builder


def _ions(specification: PointSpecification) -> tuple[list[str], dict[str, float]]:
    """Return the species meant to diffuse, and the formal charges of species."""
    if specification.structure is not None:
        return list(specification.mobile), dict(specification.formal_charges)
    material = materials()[specification.material]
    return list(material.mobile), dict(material.charges_of_atoms)


def structure_of(said: Mapping[str, Any], seed: int) -> orm.StructureData:
    """Return a structure, shared by all points that differ only in what is done with it.

    Parameters
    ----------
    said
        What a point says of its structure: material or content, supercell and lattice constants.
    seed
        Of the draw of a reference crystal's disorder.

    Raises
    ------
    SourceError
        If it is known by its content and the graph does not hold it.
    """
    repeats, content, lengths = list(said["supercell"]), said.get("structure"), said.get("lattice_constants")
    if content is None:
        wanted = {
            "material": {"attributes.value": said["material"]},
            "supercell": {"attributes.list": repeats},
            "seed": {"attributes.value": seed},
        }
        given: dict[str, orm.Data] = {"lattice_constants": orm.List(list(lengths))} if lengths else {}
        new = {"material": orm.Str(said["material"]), "supercell": orm.List(repeats), "seed": orm.Int(seed)}
        return _made_by(make_structure, wanted, given) or make_structure(**new, **given)
    cell = structure_with(content)
    if cell is None:
        raise SourceError(f"the graph holds no structure with the content {content[:8]}; apply the campaign file")
    if repeats == [1, 1, 1]:
        return cell
    wanted = {"structure": {"id": cell.pk}, "supercell": {"attributes.list": repeats}}
    return _made_by(repeat_structure, wanted, {}) or repeat_structure(cell, orm.List(repeats))


def _made_by(
    function: Any, wanted: Mapping[str, Mapping[str, Any]], given: Mapping[str, orm.Data]
) -> orm.StructureData | None:
    """Return what a step on the graph has made of such inputs; None where it has not."""
    query = orm.QueryBuilder().append(
        orm.CalcFunctionNode,
        filters={"attributes.process_label": function.__name__, "attributes.exit_status": 0},
        tag="made",
    )
    for link, filters in wanted.items():
        query.append(orm.Data, with_outgoing="made", edge_filters={"label": link}, filters=filters)
    query.append(orm.StructureData, with_incoming="made")
    lengths = given["lattice_constants"].get_list() if "lattice_constants" in given else None
    for structure in query.all(flat=True):
        inputs = structure.creator.inputs
        if lengths == (inputs.lattice_constants.get_list() if "lattice_constants" in inputs else None):
            found: orm.StructureData = structure
            return found
    return None


def _sites(structure: orm.StructureData) -> orm.StructureData:
    """Return the sites of the mobile ions in a structure, one node for all points that share it."""
    query = orm.QueryBuilder().append(orm.StructureData, filters={"id": structure.pk}, tag="structure")
    query.append(
        orm.CalcFunctionNode,
        with_incoming="structure",
        filters={"attributes.process_label": make_sites.__name__, "attributes.exit_status": 0},
        tag="made",
    )
    found = query.append(orm.StructureData, with_incoming="made").first(flat=True)
    made = structure.creator.inputs
    return found or make_sites(structure, made.material, made.supercell)


def _forces(specification: PointSpecification) -> PotentialData | LevelOfTheory:
    if specification.engine == "cp2k":
        return level_of_theory(specification.potential)
    return _potential(specification)


def _potential(said: PointSpecification | ForcesSpecification) -> PotentialData:
    if said.preparation is not None:
        return prepared_potential(said.preparation)
    if said.potential_content is None:
        return shipped_potential(said.potential)
    node = stored_with(PotentialData, said.potential_content)
    if node is None:
        content = said.potential_content[:8]
        raise SourceError(f"the graph holds no potential with the content {content}; apply the campaign file")
    return node


def shipped_potential(name: str) -> PotentialData:
    """Return the node of a potential that ships with the package; one node for one content."""
    potential = PotentialData(potentials()[name])
    potential.label = name
    same = orm.QueryBuilder().append(PotentialData, filters={"label": name}).all(flat=True)
    node: PotentialData = next((node for node in same if node.text == potential.text), potential)
    node.store()
    return node
