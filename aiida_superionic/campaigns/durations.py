"""What points ask for that their dynamics are too short to give, as is known before they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.statistics import N_BLOCKS, needed_frames
from aiida_superionic.campaigns.point_spec import PointSpecification
from aiida_superionic.workchains.paddlewheel import AB_INITIO, OF_LARGER_CELLS


@dataclass(frozen=True)
class _Run:
    """Where ions move, the times there, what is asked for by name, and one of how many frames has electrons."""

    where: str
    times: Mapping[str, float]
    asked: Mapping[str, Mapping[str, Any]]
    every: int | None = None


def too_short(points: Iterable[PointSpecification]) -> list[str]:
    """Return a sentence for each observable that was asked for by name and that the dynamics are too short for."""
    # Thousands of points differ in little that counts here.
    distinct = {repr(run): run for point in points for run in _runs(point)}
    return sorted({sentence for run in distinct.values() for sentence in _sentences(run)})


def _runs(point: PointSpecification) -> Iterator[_Run]:
    every = point.electrons.every if point.electrons else None
    yield _Run("", point.md, point.observables, every)
    if point.ab_initio:
        yield _Run(f" of {AB_INITIO}", {**point.md, **point.ab_initio_md}, point.observables, every)
    if point.larger:
        asked = {name: point.observables.get(name, {}) for name in OF_LARGER_CELLS}
        yield _Run(" in larger cells", {**point.md, **point.larger_md}, asked)


def _sentences(run: _Run) -> Iterator[str]:
    known = observables()
    production, timestep = run.times.get("production"), run.times.get("sampling_interval")
    if production is None or timestep is None:
        return
    # The first frame is that of time zero.
    n_frames = round(production / timestep) + 1
    for name in run.asked.keys() & known.keys():
        lag = known[name].longest_lag(run.asked[name])
        needed = needed_frames(lag, timestep)
        if lag and n_frames < needed:
            text = f"lags up to {lag:g} ps in each block need {needed * timestep:g} ps"
            yield f"{name} will be missing{run.where}: {text} where production is {production:g} ps"
    if run.every and -(-n_frames // run.every) < N_BLOCKS:
        text = f"one of every {run.every} of {n_frames} frames is fewer than {N_BLOCKS} blocks need"
        yield f"the electrons will be missing{run.where}: {text}"
