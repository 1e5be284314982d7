"""The page of an electronic-paddlewheel study: a column for each model, beside published numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.campaigns.keys import UNCONSTRAINED
from aiida_superionic.campaigns.results import FINISHED, PointResult

if TYPE_CHECKING:
    from aiida import orm


def models_side_by_side(studies: Iterable[orm.WorkChainNode], material: str) -> list[PointResult]:
    """Return what ``superionic.paddlewheel`` tells of each model, of forces across models, and of larger cells.

    Parameters
    ----------
    studies
        Replicas: workchains that differ in their seed.
    material
        The reference crystal whose published numbers stand beside ours.
    """
    return [point for study in studies for point in _points(study, material)]


def _points(study: orm.WorkChainNode, material: str) -> Iterator[PointResult]:
    outputs, inputs = study.outputs, study.inputs
    n_atoms = len(inputs.structure.sites)
    for model, ions in _entries(outputs, "ions"):
        parts = [ions, *([outputs.electrons[model]] if model in dict(_entries(outputs, "electrons")) else [])]
        yield _point(study, material, n_atoms, _named(model), parts)
    for frames, potentials in _entries(outputs, "forces"):
        for forces, found in potentials.items():
            if forces != frames:
                yield _point(
                    study, material, n_atoms, f"forces of {_named(forces)} on frames of {_named(frames)}", [found]
                )
    for cell, models in _entries(outputs, "larger"):
        for model, found in models.items():
            yield _point(study, material, len(inputs.larger[cell].sites), _named(model), [found])


def _entries(outputs: Any, name: str) -> Iterable[tuple[str, Any]]:
    return outputs[name].items() if name in outputs else ()


def _named(model: str) -> str:
    """Return the name of a model as campaigns have it: ports have no hyphen in theirs."""
    return model.replace("_", "-")


def _point(
    study: orm.WorkChainNode, material: str, n_atoms: int, model: str, parts: list[Mapping[str, Any]]
) -> PointResult:
    temperature, seed = study.inputs.temperature.value, study.inputs.seed.value
    # Of ions and electrons both know the ions' pair distribution: that of more frames comes first.
    parts = parts[::-1]
    return PointResult(
        label=f"{material} {n_atoms} atoms · {model} · {temperature:g} K · {UNCONSTRAINED} · seed {seed}",
        specification={
            "material": material,
            "atoms": n_atoms,
            "potential": model,
            "temperature": temperature,
            "constraint": UNCONSTRAINED,
            "seed": seed,
        },
        uuid=study.uuid,
        pk=study.pk,
        state=FINISHED,
        message=study.exit_message or "",
        observables={name: entry for part in parts for name, entry in part["observables"].get_dict().items()},
        curves={name: curve for part in parts if "curves" in part for name, curve in curves_of(part["curves"]).items()},
        surfaces={name: one for part in parts if "curves" in part for name, one in surfaces_of(part["curves"]).items()},
        provenance={
            f"{port} {number}": part[port].uuid for number, part in enumerate(parts, 1) for port in sorted(part)
        },
    )
