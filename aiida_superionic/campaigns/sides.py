"""What a study of models side by side tells: of each model, of forces across models, and of larger cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from aiida import orm

from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.campaigns.results import PointResult

_OF_THE_STUDY = {"engine", "models", "ab_initio", "ab_initio_md", "electrons", "larger", "larger_md"}


def sides_of(study: PointResult, *, with_curves: bool) -> Iterator[PointResult]:
    """Yield the results of a ``superionic.paddlewheel`` that has finished, as if each side were a point.

    Parameters
    ----------
    study
        The point.
    with_curves
        Whether to read the curves and surfaces too, which takes a file per side.
    """
    node = orm.load_node(study.pk)
    outputs, inputs = node.outputs, node.inputs
    electrons = dict(_entries(outputs, "electrons"))
    for model, ions in _entries(outputs, "ions"):
        yield _side(study, _named(model), inputs.structure, [ions, electrons.get(model, {})], with_curves)
    for frames, potentials in _entries(outputs, "forces"):
        for forces, found in potentials.items():
            if forces != frames:
                named = f"forces of {_named(forces)} on frames of {_named(frames)}"
                yield _side(study, named, inputs.structure, [found], with_curves)
    for cell, models in _entries(outputs, "larger"):
        for model, found in models.items():
            repeats = [int(number) for number in cell.split("x")]
            times = {**study.specification["md"], **study.specification["larger_md"]}
            yield _side(study, _named(model), inputs.larger[cell], [found], with_curves, supercell=repeats, md=times)


def _entries(outputs: Any, name: str) -> Iterable[tuple[str, Any]]:
    return outputs[name].items() if name in outputs else ()


def _named(model: str) -> str:
    """Return the name of a model as campaigns have it: ports have no hyphen in theirs."""
    return model.replace("_", "-")


def _side(
    study: PointResult,
    model: str,
    structure: orm.StructureData,
    parts: list[Mapping[str, Any]],
    with_curves: bool,
    **said: Any,
) -> PointResult:
    n_atoms = len(structure.sites)
    shared = {key: value for key, value in study.specification.items() if key not in _OF_THE_STUDY}
    specification = {**shared, **said, "atoms": n_atoms, "potential": model}
    conditions = f"{specification['temperature']:g} K · {specification['constraint']} · seed {specification['seed']}"
    # Of ions and electrons both know the ions' pair distribution: that of more frames comes last, and counts.
    parts = [part for part in reversed(parts) if part]
    curves = [part["curves"] for part in parts if with_curves and "curves" in part]
    nodes = {f"{port} {number}": part[port].uuid for number, part in enumerate(parts, 1) for port in sorted(part)}
    return replace(
        study,
        label=f"{specification['material']} · {n_atoms} atoms · {model} · {conditions}",
        specification=specification,
        observables={name: entry for part in parts for name, entry in part["observables"].get_dict().items()},
        curves={name: curve for node in curves for name, curve in curves_of(node).items()},
        surfaces={name: surface for node in curves for name, surface in surfaces_of(node).items()},
        provenance={**study.provenance, **(nodes if with_curves else {})},
    )
