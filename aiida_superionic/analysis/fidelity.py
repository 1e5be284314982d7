"""How faithful potentials are to a reference: the same observables of runs with each, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from aiida_superionic.analysis import curve_distance
from aiida_superionic.analysis.mode_comparison import kelvin
from aiida_superionic.analysis.replicas import mean_curve, mean_over_replicas, mean_surface
from aiida_superionic.analysis.results import Curve, Scalar, Surface

REFERENCE = "reference"
"""The side that the others are compared with."""

DISTANCE, BY_CHANCE = "distance", "distance_by_chance"
"""What the names of distances begin with, and of those between runs with the reference."""

SPREADING = ("diffusion_coefficient", "band_centre")
"""Quantities whose standard deviation over the runs is told too."""

Distance = Callable[[Any, Any], float]

COMPARED: dict[str, Distance] = {
    "radial_distribution": curve_distance.curve_distance,
    "vibrational_density_of_states": curve_distance.curve_distance,
    "tetrahedral_angle_distribution": partial(curve_distance.curve_distance, vanish_outside=True),
    "angular_velocity_distribution": partial(curve_distance.curve_distance, vanish_outside=True),
    "van_hove_self": curve_distance.surface_distance,
    "van_hove_distinct": curve_distance.surface_distance,
    "distance_angle_density": curve_distance.surface_distance,
}
"""By what the names of curves and surfaces begin with before their species: how two of them are compared."""


@dataclass(frozen=True, eq=False)
class Run:
    """What one run with one potential gave.

    Parameters
    ----------
    side
        :data:`REFERENCE`, or the name of the potential.
    temperature
        In K.
    scalars, curves
        By name.
    """

    side: str
    temperature: float
    scalars: Mapping[str, Scalar]
    curves: Mapping[str, Curve | Surface]


@dataclass(frozen=True, eq=False)
class Fidelity:
    """Numbers and mean curves by their flat names, and what could not be compared, a sentence each."""

    scalars: dict[str, Scalar] = field(default_factory=dict)
    curves: dict[str, Curve | Surface] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def distance_of(name: str) -> Distance | None:
    """Return how two curves of a name are compared; None where they are not."""
    return next((COMPARED[family] for family in COMPARED if _is_of(name, family)), None)


def _is_of(name: str, quantity: str) -> bool:
    """Return whether a name is that of a quantity and its species: ``radial_distribution_Ag_I``."""
    return name.startswith(f"{quantity}_") and name[len(quantity) + 1].isupper()


def compare_with_reference(runs: Iterable[Run]) -> Fidelity:
    """Return every observable by side and temperature, and the distances of curves from those of the reference.

    Parameters
    ----------
    runs
        Those of one side and temperature are replicas.

    Returns
    -------
    Fidelity
        The scalars ``NAME_SIDE_600K`` for every observable, averaged over replicas, and of those of :data:`SPREADING`
        the standard deviation over the replicas, ``diffusion_coefficient_spread_X_SIDE_600K``. For every curve NAME of
        :data:`COMPARED` ``distance_NAME_SIDE_600K``, the mean distance of a run of the side from one of the reference,
        and beside it ``distance_by_chance_NAME_600K``, that of two runs of the reference, or, where there is one only,
        what its error bars give (see :mod:`aiida_superionic.analysis.curve_distance`). The curves ``SIDE_600K_NAME``
        are the means. What is zero in all runs of a temperature, such as g(r) of a pair that is never as near as half
        the cell, is left out.
    """
    groups: dict[tuple[float, str], list[Run]] = {}
    told: dict[float, set[str]] = {}
    for run in runs:
        groups.setdefault((run.temperature, run.side), []).append(run)
        of_interest = {name for name, of in run.curves.items() if distance_of(name) is not None and _is_anywhere(of)}
        told.setdefault(run.temperature, set()).update(of_interest)
    found = Fidelity()
    for (temperature, side), replicas in groups.items():
        end = f"{side}_{kelvin(temperature)}"
        scalars = _by_name([run.scalars for run in replicas])
        found.scalars.update({f"{name}_{end}": mean_over_replicas(name, of) for name, of in scalars.items()})
        found.scalars.update(_spreads(scalars, end))
        compared, reference = (
            {name: of for name, of in _by_name([run.curves for run in of_side]).items() if name in told[temperature]}
            for of_side in (replicas, groups.get((temperature, REFERENCE), ()))
        )
        found.curves.update({f"{end}_{name}": _mean(name, of) for name, of in compared.items()})
        _compare(found, temperature, side, compared, reference)
    return found


def _compare(
    found: Fidelity,
    temperature: float,
    side: str,
    curves: Mapping[str, Sequence[Any]],
    reference: Mapping[str, Sequence[Any]],
) -> None:
    """Add the distances of one side, or, of the reference, those by chance."""
    at = kelvin(temperature)
    for name, replicas in curves.items():
        distance = distance_of(name)
        if distance is None or name not in reference:
            continue
        if side != REFERENCE:
            found.scalars[f"{DISTANCE}_{name}_{side}_{at}"] = curve_distance.mean_distance(
                replicas, reference[name], distance
            )
        elif len(replicas) > 1:
            found.scalars[f"{BY_CHANCE}_{name}_{at}"] = curve_distance.mean_distance_within(replicas, distance)
        elif (by_chance := curve_distance.distance_by_chance(replicas[0])) is not None:
            found.scalars[f"{BY_CHANCE}_{name}_{at}"] = Scalar(by_chance, None, curve_distance.UNIT)
    if side != REFERENCE:
        lacking = {name: f"the reference lacks {name}" for name in curves.keys() - reference.keys()}
        lacking |= {name: f"{side} lacks {name}" for name in reference.keys() - curves.keys()}
        found.warnings.extend(f"{lacking[name]} at {temperature:g} K" for name in sorted(lacking))


def _is_anywhere(of: Curve | Surface) -> bool:
    """Return whether a curve or surface is other than zero."""
    return bool(np.any(of.y if isinstance(of, Curve) else of.z))


def _spreads(scalars: Mapping[str, Sequence[Scalar]], end: str) -> dict[str, Scalar]:
    """Return the standard deviations over replicas; what a run only bounds is left out with its estimate."""
    spreads = {}
    for name, replicas in scalars.items():
        quantity = next((quantity for quantity in SPREADING if _is_of(name, quantity)), None)
        values = [scalar.value for scalar in replicas if scalar.value is not None]
        if quantity is not None and len(values) == len(replicas) > 1:
            spread = Scalar(float(np.std(values, ddof=1)), None, replicas[0].unit)
            spreads[f"{name.replace(quantity, f'{quantity}_spread', 1)}_{end}"] = spread
    return spreads


def _by_name(replicas: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for replica in replicas for name in replica)
    return {name: [replica[name] for replica in replicas if name in replica] for name in names}


def _mean(name: str, replicas: Sequence[Any]) -> Curve | Surface:
    return mean_curve(name, replicas) if isinstance(replicas[0], Curve) else mean_surface(name, replicas)
