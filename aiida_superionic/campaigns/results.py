"""What a campaign found: the results of its points, and their averages over replicas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiida_superionic.analysis.replicas import mean_curve, mean_over_replicas, mean_surface
from aiida_superionic.analysis.results import Curve, Scalar, Surface

FINISHED = "finished"

_T = TypeVar("_T", Scalar, Curve, Surface)


@dataclass(frozen=True)
class PointResult:
    """The latest attempt at one point.

    Parameters
    ----------
    label
        What people call the point, such as ``alpha-AgI 3x3x3 · vashishta-rahman · 750 K · UC · seed 1``.
    specification
        The expanded specification: material, supercell, potential, temperature, constraint, seed, md, observables.
    uuid, pk
        The top-level workchain; None where there is none yet.
    state
        ``finished``, ``failed``, ``running`` or ``missing``.
    message
        The exit message where the point failed, else empty.
    observables
        The observables of the graph: by name, the fields of a :class:`Scalar`.
    curves
        The curves, by name.
    provenance
        Versions and the identifiers of the nodes behind the numbers, by what they are.
    surfaces
        The surfaces, by name.
    """

    label: str
    specification: dict[str, Any]
    uuid: str | None
    pk: int | None
    state: str
    message: str
    observables: dict[str, dict[str, Any]]
    curves: dict[str, Curve]
    provenance: dict[str, str]
    surfaces: dict[str, Surface] = field(default_factory=dict)

    def scalar(self, name: str) -> Scalar | None:
        """Return one observable; None where this point does not have it."""
        entry = self.observables.get(name)
        return None if entry is None else Scalar(**entry)


@dataclass(frozen=True)
class Condition:
    """The points that differ only in their seed, and their averages.

    Parameters
    ----------
    label
        The label of the points without their seed.
    specification
        The specification of the points without their seed.
    replicas
        Every point of the condition, whatever its state.
    observables
        Averages over the replicas that finished; see :func:`conditions`.
    curves, surfaces
        Averages over the replicas that finished; see :func:`conditions`.
    """

    label: str
    specification: dict[str, Any]
    replicas: tuple[PointResult, ...]
    observables: dict[str, Scalar]
    curves: dict[str, Curve]
    surfaces: dict[str, Surface] = field(default_factory=dict)

    @property
    def finished(self) -> tuple[PointResult, ...]:
        """The replicas that are averaged over."""
        return tuple(replica for replica in self.replicas if replica.state == FINISHED)


def conditions(points: Iterable[PointResult]) -> list[Condition]:
    """Group points that differ only in their seed, and average over them.

    A scalar is the mean over the finished replicas with its standard error; see :func:`mean_over_replicas`.

    A curve is the pointwise mean, with the standard error over replicas, on the x of the first replica; where the
    grids differ the others are interpolated linearly onto the part of it that all of them cover. A single
    replica keeps its own error. The x of a curve increases. A surface is averaged alike, on the part of the grid that
    all replicas have; their grids must agree there, as interpolating between them would blur it.

    Parameters
    ----------
    points
        The points of a campaign, in any order.

    Returns
    -------
    list of Condition
        In the order in which the points first name them.

    Raises
    ------
    ValueError
        If the replicas of one observable do not have the same unit, or those of one curve not the same axes or no
        x in common, or those of one surface not the same axes and grid.
    """
    groups: dict[str, list[PointResult]] = {}
    for point in points:
        groups.setdefault(json.dumps(_without_seed(point.specification), sort_keys=True), []).append(point)
    return [_condition(tuple(group)) for group in groups.values()]


def _condition(replicas: tuple[PointResult, ...]) -> Condition:
    first = replicas[0]
    finished = [replica for replica in replicas if replica.state == FINISHED]
    scalars = [
        {name: scalar for name in replica.observables if (scalar := replica.scalar(name)) is not None}
        for replica in finished
    ]
    return Condition(
        label=first.label.removesuffix(f" · seed {first.specification.get('seed')}"),
        specification=_without_seed(first.specification),
        replicas=replicas,
        observables=_average(scalars, mean_over_replicas),
        curves=_average([replica.curves for replica in finished], mean_curve),
        surfaces=_average([replica.surfaces for replica in finished], mean_surface),
    )


def _without_seed(specification: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in specification.items() if key != "seed"}


def _average(replicas: Sequence[Mapping[str, _T]], mean: Callable[[str, Sequence[_T]], _T]) -> dict[str, _T]:
    names = dict.fromkeys(name for replica in replicas for name in replica)
    return {name: mean(name, [replica[name] for replica in replicas if name in replica]) for name in names}
