"""What the files of a rerun mean."""

from __future__ import annotations

import re
from typing import Any

from aiida.engine import ExitCode

from aiida_superionic.analysis.convert import PROGRAM
from aiida_superionic.calculations.lammps import DIGEST_FILE
from aiida_superionic.calculations.lammps_rerun import CONVERSION_OUTPUT
from aiida_superionic.calculations.lammps_script import trajectory_file
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.parsers.files import FilesParser, failure_of, read_digests
from aiida_superionic.parsers.lammps_output import read_lammps_output

_WRITTEN = re.compile(rf" written to .* by {PROGRAM} (\S+)$", re.MULTILINE)


class RerunParser(FilesParser):
    """Makes a trajectory of the new frames, and names what went wrong."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store the trajectory and return the exit code that says how the job ended."""
        codes = self.exit_codes
        self.store_usage()
        converted = self.text(CONVERSION_OUTPUT)
        written = _WRITTEN.search(converted)
        if written is None:
            subjects = {"trajectory": codes.ERROR_TRAJECTORY_UNUSABLE}
            return failure_of(converted, PROGRAM, subjects, codes.ERROR_CONVERSION)
        if failure := self.wrong_version(written[1]):
            return failure
        output = read_lammps_output(self.printed())
        if output.version is None:
            return self.did_not_start()
        if output.error is not None:
            return codes.ERROR_LAMMPS.format(error=output.error)
        if not output.complete:
            return codes.ERROR_INTERRUPTED
        digests = read_digests(self.text(DIGEST_FILE))
        if list(digests) != [trajectory_file(None)]:
            return codes.ERROR_TRAJECTORY_MISSING
        self.out("trajectory", self._trajectory(digests))
        return None

    def _trajectory(self, digests: dict[str, str]) -> TrajectoryData:
        folder = self.node.outputs.remote_folder
        # What describes the frames is as it was: only the forces are others.
        described = self.node.inputs.trajectory.base.attributes.all
        described = {key: value for key, value in described.items() if key not in {"remote_path", "files", "format"}}
        return TrajectoryData(folder.get_remote_path(), computer=folder.computer, files=digests, **described)
