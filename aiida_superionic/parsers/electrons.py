"""What the files of ``superionic-electrons`` mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.electrons import CENTRES_FILE, CENTRES_REPORT_FILE
from aiida_superionic.calculations.lammps import DIGEST_FILE
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.learning.electrons_script import MODEL_FILE, PROGRAM, REPORT_FILE
from aiida_superionic.parsers.files import FilesParser, read_digests, sentence_of


class _ElectronsParser(FilesParser):
    """What both jobs have: a report, or a sentence."""

    def report(self, folder: str | None, name: str) -> dict[str, Any] | ExitCode:
        """Return the report of a job that ended well, else the exit code that says how it ended."""
        cost = usage.parse_usage(self.text(usage.FILE))
        if cost is not None:
            self.out("usage", orm.Dict(cost))
        try:
            report: dict[str, Any] = json.loads((Path(folder or "") / name).read_text(encoding="utf-8"))
            found, given = report["version"], self.node.inputs.version.value
        except (OSError, ValueError, KeyError, TypeError):
            return self._without_results()
        return report if found == given else self.exit_codes.ERROR_VERSION.format(found=found, given=given)

    def _without_results(self) -> ExitCode:
        sentence = sentence_of(self.text(self.node.get_option("output_filename")), f"{PROGRAM}: ")
        subject, _, error = sentence.partition(": ")
        names = {
            "input": "ERROR_BAD_INPUT",
            "trajectory": "ERROR_TRAJECTORY_UNUSABLE",
            "regression": "ERROR_NOT_LEARNED",
            "model": "ERROR_BAD_MODEL",
        }
        # Each job has only one of the last two.
        if names.get(subject) in self.exit_codes:
            return self.exit_codes[names[subject]].format(error=error)
        return self.exit_codes.ERROR_NO_RESULTS.format(error=sentence)


class ElectronsFitParser(_ElectronsParser):
    """Makes nodes of the model and of the report, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store what was learned and return the exit code that says how the job ended."""
        report = self.report(retrieved_temporary_folder, REPORT_FILE)
        if isinstance(report, ExitCode):
            return report
        model = Path(retrieved_temporary_folder or "") / MODEL_FILE
        if not model.is_file():
            return self.exit_codes.ERROR_NO_RESULTS.format(error=f"{MODEL_FILE} is missing")
        self.out("model", orm.SinglefileData(model))
        self.out("report", orm.Dict(report))
        return None


class ElectronsParser(_ElectronsParser):
    """Makes a trajectory of ions and centres, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store the trajectory and return the exit code that says how the job ended."""
        report = self.report(retrieved_temporary_folder, CENTRES_REPORT_FILE)
        if isinstance(report, ExitCode):
            return report
        digests = read_digests(self.text(DIGEST_FILE))
        if list(digests) != [CENTRES_FILE]:
            return self.exit_codes.ERROR_NO_RESULTS.format(error=f"{CENTRES_FILE} is missing")
        folder, source = self.node.outputs.remote_folder, self.node.inputs.trajectory.base.attributes
        self.out(
            "trajectory",
            TrajectoryData(
                folder.get_remote_path(),
                computer=folder.computer,
                files=digests,
                kinds=report["kinds"],
                mobile=source.get("mobile", []),
                formal_charges=source.get("formal_charges", {}),
                md_timestep=report["md_timestep"],
                n_frames=report["frames"],
                sampling_interval=report["sampling_interval"],
                fields=["positions"],
                format="extxyz",
            ),
        )
        self.out("report", orm.Dict(report))
        return None
