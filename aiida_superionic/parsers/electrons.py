"""What the files of ``superionic-electrons`` mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.calculations.electrons import CENTRES_FILE, CENTRES_REPORT_FILE
from aiida_superionic.calculations.lammps import DIGEST_FILE
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.learning.electrons_script import MODEL_FILE, PROGRAM, REPORT_FILE
from aiida_superionic.parsers.files import FilesParser, failure_of, read_digests


class _ElectronsParser(FilesParser):
    """What both jobs have: a report, or a sentence."""

    def report(self, folder: str | None, name: str) -> dict[str, Any] | ExitCode:
        """Return the report of a job that ended well, else the exit code that says how it ended."""
        self.store_usage()
        try:
            report: dict[str, Any] = json.loads((Path(folder or "") / name).read_text(encoding="utf-8"))
            found = report["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return self._without_results()
        return self.wrong_version(found) or report

    def _without_results(self) -> ExitCode:
        names = {
            "input": "ERROR_BAD_INPUT",
            "trajectory": "ERROR_TRAJECTORY_UNUSABLE",
            "regression": "ERROR_NOT_LEARNED",
            "model": "ERROR_BAD_MODEL",
        }
        # Each job has only one of the last two.
        codes = {subject: self.exit_codes[name] for subject, name in names.items() if name in self.exit_codes}
        return failure_of(self.printed(), PROGRAM, codes, self.exit_codes.ERROR_NO_RESULTS)


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
