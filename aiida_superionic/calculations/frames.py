"""Frames on their way to CP2K and back: which of them go into a job, and what the jobs said of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from numpy.typing import NDArray

_OF_ALL_FRAMES = "ions"
"""The one array that has no axis of frames."""
_DESCRIPTION = ("mobile", "formal_charges", "sampling_interval")
_TOLD = 5


@calcfunction
def take_frames(trajectory: orm.TrajectoryData, indices: orm.List) -> orm.TrajectoryData:
    """Return some frames of a trajectory, in that order."""
    chosen = indices.get_list()
    return make_trajectory(trajectory.symbols, trajectory.get_positions()[chosen], trajectory.get_cells()[chosen])


@calcfunction
def longest_stretch(trajectory: orm.TrajectoryData) -> orm.TrajectoryData:
    """Return the longest run of frames of which none was left out, as correlations in time need it."""
    times = trajectory.get_times()
    longest = max(np.split(np.arange(len(times)), gaps(trajectory)), key=len)
    stretch = make_trajectory(
        trajectory.symbols, trajectory.get_positions()[longest], trajectory.get_cells()[longest], times[longest]
    )
    stretch.base.attributes.set_many(described(trajectory))
    return stretch


@calcfunction
def join_frames(frames: orm.Dict, **attempts: orm.ArrayData) -> orm.ArrayData:
    """Join what several jobs said of the frames of one trajectory, in the order of the trajectory.

    ``frames`` holds by the name of each attempt the indices that its frames have in the whole trajectory. Arrays that
    an attempt lacks are left out.
    """
    parts = [(np.array(indices), attempts[name]) for name, indices in sorted(frames.get_dict().items())]
    index = np.concatenate([indices for indices, _ in parts])
    order = np.argsort(index)
    names = set.intersection(*(set(part.get_arraynames()) for _, part in parts)) - {"index"}
    arrays = {"index": index[order]}
    for name in sorted(names):
        each = [part.get_array(name) for _, part in parts]
        arrays[name] = each[0] if name == _OF_ALL_FRAMES else np.concatenate(each)[order]
    joined = orm.ArrayData(arrays)
    first = parts[0][1].base.attributes
    joined.base.attributes.set("symbols", first.get("symbols"))
    joined.base.attributes.set("units", {k: unit for k, unit in first.get("units").items() if k in arrays})
    return joined


def make_trajectory(
    symbols: list[str], positions: NDArray[Any], cells: NDArray[Any], times: NDArray[Any] | None = None
) -> orm.TrajectoryData:
    """Return a node of periodic frames, as REFTRAJ batches take them; times in ps where they are known."""
    trajectory = orm.TrajectoryData()
    trajectory.set_trajectory(
        symbols=symbols,
        positions=positions,
        cells=cells,
        stepids=np.arange(len(positions)),
        times=times,
        pbc=(True, True, True),
    )
    return trajectory


def described(trajectory: orm.TrajectoryData) -> dict[str, Any]:
    """Return what is known of frames beside their numbers: mobile species, formal charges, ``sampling_interval``."""
    return {key: value for key, value in trajectory.base.attributes.all.items() if key in _DESCRIPTION}


def gaps(trajectory: orm.TrajectoryData) -> list[int]:
    """Return the numbers of the frames that do not follow the one before after one ``sampling_interval``."""
    times, interval = trajectory.get_times(), trajectory.base.attributes.get("sampling_interval")
    if times is None:
        return []
    return [int(number) for number in np.flatnonzero(np.abs(np.diff(times) - interval) > 0.01 * interval) + 1]


def named(reasons: Mapping[int, str]) -> str:
    """Return in words which frames failed and why, the first few of many."""
    told = [f"frame {number} ({reasons[number]})" for number in sorted(reasons)]
    rest = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
    return ", ".join(told[:_TOLD] + rest)
