"""What points ask for that their dynamics are too short to give, as is known before they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.statistics import N_BLOCKS, needed_frames
from aiida_superionic.campaigns.point_spec import PointSpecification
from aiida_superionic.workchains.paddlewheel import AB_INITIO, OF_LARGER_CELLS

_LARGER = " in larger cells"
_Runs = Iterator[tuple[str, Mapping[str, float], Mapping[str, Mapping[str, Any]]]]


def too_short(points: Iterable[PointSpecification]) -> list[str]:
    """Return a sentence for each observable that was asked for by name and that the dynamics are too short for."""
    known = observables()
    said: dict[str, None] = {}
    for point in points:
        for where, times, asked in _runs(point):
            production, timestep = times.get("production"), times.get("sampling_interval")
            if production is None or timestep is None:
                continue
            # The first frame is that of time zero.
            n_frames = round(production / timestep) + 1
            for name in asked.keys() & known.keys():
                lag = known[name].longest_lag(asked[name])
                needed = needed_frames(lag, timestep)
                if lag and n_frames < needed:
                    text = f"lags up to {lag:g} ps in each block need {needed * timestep:g} ps"
                    said[f"{name} will be missing{where}: {text} where production is {production:g} ps"] = None
            every = point.electrons.every if point.electrons and where != _LARGER else None
            if every and -(-n_frames // every) < N_BLOCKS:
                text = f"one of every {every} of {n_frames} frames is fewer than {N_BLOCKS} blocks need"
                said[f"the electrons will be missing{where}: {text}"] = None
    return sorted(said)


def _runs(point: PointSpecification) -> _Runs:
    """Yield where ions move, the times there, and what is asked for by name."""
    yield "", point.md, point.observables
    if point.ab_initio:
        yield f" of {AB_INITIO}", {**point.md, **point.ab_initio_md}, point.observables
    if point.larger:
        asked = {name: point.observables.get(name, {}) for name in OF_LARGER_CELLS}
        yield _LARGER, {**point.md, **point.larger_md}, asked
