"""What the files of ``superionic-convert`` mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.analysis.trajectory import TrajectoryError
from aiida_superionic.calculations import usage
from aiida_superionic.calculations.convert import FRAMES_FILE
from aiida_superionic.calculations.frames import make_trajectory
from aiida_superionic.parsers.files import FilesParser, sentence_of

_PROGRAM = "superionic-convert: "


class ConvertParser(FilesParser):
    """Makes a node of the frames, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store the frames and return the exit code that says how the job ended."""
        cost = usage.parse_usage(self.text(usage.FILE))
        if cost is not None:
            self.out("usage", orm.Dict(cost))
        told = self.text(self.node.get_option("output_filename"))
        if "written to" not in told:
            sentence = sentence_of(told, _PROGRAM)
            if sentence.startswith("trajectory: "):
                return self.exit_codes.ERROR_TRAJECTORY_UNUSABLE.format(error=sentence.removeprefix("trajectory: "))
            return self.exit_codes.ERROR_CONVERSION.format(error=sentence)
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
