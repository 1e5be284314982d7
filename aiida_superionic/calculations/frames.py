"""Frames on their way to CP2K and back: which of them go into a job, and what the jobs said of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from numpy.typing import NDArray

_OF_ALL_FRAMES = "ions"
"""The one array that has no axis of frames."""


@calcfunction
def take_frames(trajectory: orm.TrajectoryData, indices: orm.List) -> orm.TrajectoryData:
    """Return some frames of a trajectory, in that order."""
    chosen = indices.get_list()
    return make_trajectory(trajectory.symbols, trajectory.get_positions()[chosen], trajectory.get_cells()[chosen])


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


def make_trajectory(symbols: list[str], positions: NDArray[Any], cells: NDArray[Any]) -> orm.TrajectoryData:
    """Return a node of periodic frames, as REFTRAJ batches take them."""
    trajectory = orm.TrajectoryData()
    trajectory.set_trajectory(
        symbols=symbols, positions=positions, cells=cells, stepids=np.arange(len(positions)), pbc=(True, True, True)
    )
    return trajectory
