"""What the files of ``superionic-convert`` mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode

from aiida_superionic.analysis.convert import PROGRAM
from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.trajectory import TrajectoryError
from aiida_superionic.calculations.convert import FRAMES_FILE
from aiida_superionic.calculations.frames import make_trajectory
from aiida_superionic.parsers.files import FilesParser, failure_of


class ConvertParser(FilesParser):
    """Makes a node of the frames, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store the frames and return the exit code that says how the job ended."""
        self.store_usage()
        told = self.printed()
        if "written to" not in told:
            codes = {"trajectory": self.exit_codes.ERROR_TRAJECTORY_UNUSABLE}
            return failure_of(told, PROGRAM, codes, self.exit_codes.ERROR_CONVERSION)
        source = self.node.inputs.trajectory
        try:
            frames = read_trajectory(
                [Path(retrieved_temporary_folder or "") / FRAMES_FILE], md_timestep=source.md_timestep, fields=()
            )
        except TrajectoryError as error:
            return self.exit_codes.ERROR_CONVERSION.format(error=error)
        cells = np.broadcast_to(frames.cell, (frames.n_frames, 3, 3))
        node = make_trajectory(list(frames.species), frames.positions[:, :], cells)
        node.base.attributes.set_many(
            {"mobile": source.mobile, "formal_charges": source.formal_charges, "sampling_interval": frames.timestep}
        )
        self.out("frames", node)
        return None
