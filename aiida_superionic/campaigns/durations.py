"""What points ask for that their dynamics are too short to give, as is known before they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.statistics import needed_frames
from aiida_superionic.campaigns.point_spec import PointSpecification
from aiida_superionic.workchains.paddlewheel import AB_INITIO, OF_LARGER_CELLS

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
            for name in asked.keys() & known.keys():
                lag = known[name].longest_lag(asked[name])
                needed = needed_frames(lag, timestep)
                # The first frame is that of time zero.
                if lag and round(production / timestep) + 1 < needed:
                    text = f"lags up to {lag:g} ps in each block need {needed * timestep:g} ps"
                    said[f"{name} will be missing{where}: {text} where production is {production:g} ps"] = None
    return sorted(said)


def _runs(point: PointSpecification) -> _Runs:
    """Yield where ions move, the times there, and what is asked for by name."""
    yield "", point.md, point.observables
    if point.ab_initio:
        yield f" of {AB_INITIO}", {**point.md, **point.ab_initio_md}, point.observables
    if point.larger:
        asked = {name: point.observables.get(name, {}) for name in OF_LARGER_CELLS}
        yield " in larger cells", {**point.md, **point.larger_md}, asked
