"""What observables need of a trajectory: the words for it, and whether a trajectory has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from aiida_superionic.analysis.polyanions import Polyanions, find_polyanions
from aiida_superionic.analysis.registry import Observable, ParameterError, observables
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory

OR = " or "
"""Joins needs of which one is enough."""


def needs_in_words(needs: Iterable[str]) -> str:
    """Return an observable's needs for people."""
    return ", ".join(OR.join(_NEEDS[need][0] for need in alternatives.split(OR)) for alternatives in needs)


def unmet(needs: Iterable[str], trajectory: Trajectory) -> list[str]:
    """Return those of an observable's needs that a trajectory does not meet."""
    return [
        alternatives
        for alternatives in needs
        if not any(_NEEDS[need][1](trajectory) for need in alternatives.split(OR))
    ]


def routine_observables(trajectory: Trajectory, *, sites_known: bool = False) -> list[str]:
    """Return the names of the observables that are computed where nothing is asked for by name.

    Where there are several host species, those are left out that would have to be told which one they are about.

    Parameters
    ----------
    trajectory
        What is there.
    sites_known
        Whether the observables that can be given sites of the mobile ions will be.
    """

    def leaves_a_choice(entry: Observable) -> bool:
        parameters = {parameter.name for parameter in entry.parameters}
        told = len(trajectory.host) == 1 or (sites_known and "sites" in parameters)
        return "neighbour" in parameters and not told

    return [
        name
        for name, entry in observables().items()
        if entry.routine and not unmet(entry.needs, trajectory) and not leaves_a_choice(entry)
    ]


def _charged(trajectory: Trajectory) -> bool:
    return bool(trajectory.mobile) and set(trajectory.mobile) <= set(trajectory.formal_charges)


_FOUND: WeakKeyDictionary[Trajectory, list[Polyanions]] = WeakKeyDictionary()
"""Polyanions of trajectories that were looked at: several observables ask for them."""


def _polyanions(trajectory: Trajectory) -> list[Polyanions]:
    if trajectory not in _FOUND:
        try:
            _FOUND[trajectory] = list(find_polyanions(trajectory).values())
        except NotConverged:
            _FOUND[trajectory] = []
    return _FOUND[trajectory]


def _has_polyanions(trajectory: Trajectory, fits: Callable[[Polyanions], bool] = lambda units: True) -> bool:
    try:
        return any(map(fits, _polyanions(trajectory)))
    except ParameterError:
        return True  # some that are not all bonded alike: the observable says so


def _has_tetrahedra(trajectory: Trajectory) -> bool:
    return _has_polyanions(trajectory, lambda units: units.centre is not None and len(units.outer) == 4)


_NEEDS: dict[str, tuple[str, Callable[[Trajectory], bool]]] = {
    "positions": ("positions", lambda trajectory: True),
    "velocities": ("velocities", lambda trajectory: trajectory.velocities is not None),
    "forces": ("forces", lambda trajectory: trajectory.forces is not None),
    "mobile": ("mobile species", lambda trajectory: bool(trajectory.mobile)),
    "several_hosts": ("several species that are not mobile", lambda trajectory: len(trajectory.host) > 1),
    "formal_charges": ("formal charges of the mobile species", _charged),
    "centres": ("Wannier centres", lambda trajectory: len(trajectory.centres) > 0),
    "polyanions": ("polyanions", _has_polyanions),
    "tetrahedra": ("polyanions AX4", _has_tetrahedra),
}
