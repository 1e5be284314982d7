"""What the files of a rerun mean."""

from __future__ import annotations

import re
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.lammps import DIGEST_FILE
from aiida_superionic.calculations.lammps_rerun import CONVERSION_OUTPUT
from aiida_superionic.calculations.lammps_script import trajectory_file
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.parsers.files import FilesParser, read_digests, sentence_of
from aiida_superionic.parsers.lammps_output import read_lammps_output

_PROGRAM = "superionic-convert: "
_WRITTEN = re.compile(r" written to .* by superionic-convert (\S+)$", re.MULTILINE)


class RerunParser(FilesParser):
    """Makes a trajectory of the new frames, and names what went wrong."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store the trajectory and return the exit code that says how the job ended."""
        codes = self.exit_codes
        cost = usage.parse_usage(self.text(usage.FILE))
        if cost is not None:
            self.out("usage", orm.Dict(cost))
        converted = self.text(CONVERSION_OUTPUT)
        written = _WRITTEN.search(converted)
        if written is None:
            sentence = sentence_of(converted, _PROGRAM)
            if sentence.startswith("trajectory: "):
                return codes.ERROR_TRAJECTORY_UNUSABLE.format(error=sentence.removeprefix("trajectory: "))
            return codes.ERROR_CONVERSION.format(error=sentence)
        given = self.node.inputs.version.value
        if written[1] != given:
            return codes.ERROR_VERSION.format(found=written[1], given=given)
        told = self.text(self.node.get_option("output_filename"))
        output = read_lammps_output(told)
        if output.version is None:
            told += self.text(self.node.get_option("scheduler_stderr"))
            first = next((line.strip() for line in told.splitlines() if line.strip()), "its output is empty")
            return codes.ERROR_ENGINE_DID_NOT_START.format(error=first[:200])
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
