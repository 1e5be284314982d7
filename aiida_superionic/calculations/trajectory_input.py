"""A trajectory as what a console script reads, whether it is at home or was left on a computer."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder

from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.analysis.writers import write_extxyz
from aiida_superionic.data.trajectory import TrajectoryData

_FRAMES_FILE = "frames.extxyz"


def take_trajectory(
    trajectory: TrajectoryData | orm.TrajectoryData, folder: Folder, info: CalcInfo, prefix: str = ""
) -> dict[str, Any]:
    """Bring a trajectory into the folder of a job: as links where it was left on the computer, else as a file.

    Parameters
    ----------
    trajectory
        At home, with ``sampling_interval`` in ps among its attributes, or left on the computer of the job.
    folder
        Of the job.
    info
        Of the job, which is added to: its ``provenance_exclude_list`` and ``remote_symlink_list`` are lists.
    prefix
        Of the names of links, where the job writes files that may bear the name of one that it reads.

    Returns
    -------
    dict
        How it is read: the entry ``trajectory`` of a job file of our console scripts.
    """
    if isinstance(trajectory, TrajectoryData):
        links = {name: f"{prefix}{name}" for name in trajectory.files}
        place = PurePosixPath(trajectory.get_remote_path())
        info.remote_symlink_list += [
            (trajectory.computer.uuid, str(place / name), link) for name, link in links.items()
        ]
        return trajectory.request(links)
    attributes = trajectory.base.attributes
    timestep, positions = float(attributes.get("sampling_interval")), trajectory.get_positions()
    species = tuple(trajectory.symbols)
    frames = Trajectory(species, positions, trajectory.get_cells(), timestep, np.zeros(len(species)))
    write_extxyz(Path(folder.get_abs_path(_FRAMES_FILE)), frames, frames.kinds, 1)
    # They follow from their node; the repository need not hold them once more for every job.
    info.provenance_exclude_list.append(_FRAMES_FILE)
    return {
        "files": {_FRAMES_FILE: None},
        "format": "extxyz",
        "mobile": attributes.get("mobile", []),
        "charges": attributes.get("formal_charges", {}),
        "md_timestep": timestep,
    }
