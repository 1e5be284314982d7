"""What the files of ``superionic-fit`` mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.data.potential import PotentialData
from aiida_superionic.learning.script import (
    COMMITTEE_FILE,
    FORCE_ERRORS_FILE,
    MODEL_FILE,
    POTENTIAL_FILE,
    PROGRAM,
    REPORT_FILE,
)
from aiida_superionic.parsers.files import FilesParser, failure_of
from aiida_superionic.potentials import PotentialError


class FitParser(FilesParser):
    """Makes nodes of the potentials and of the report, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store what was learned and return the exit code that says how the job ended."""
        self.store_usage()
        folder = Path(retrieved_temporary_folder or "")
        names = [COMMITTEE_FILE.format(number=number) for number in range(self.node.inputs.committee.value)]
        try:
            report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
            found = report["version"]
            potential, *committee = (
                PotentialData((folder / name).read_text(encoding="utf-8")) for name in (POTENTIAL_FILE, *names)
            )
            model = orm.SinglefileData(folder / MODEL_FILE)
            force_errors = orm.ArrayData({"force_errors": np.load(folder / FORCE_ERRORS_FILE, allow_pickle=False)})
            force_errors.base.attributes.set("units", {"force_errors": "eV/Å"})
        except (OSError, ValueError, KeyError, TypeError, PotentialError):
            return self._without_results()
        if failure := self.wrong_version(found):
            return failure
        self.out("potential", potential)
        self.out("committee", {f"member_{number}": member for number, member in enumerate(committee)})
        self.out("model", model)
        self.out("force_errors", force_errors)
        self.out("report", orm.Dict(report))
        return None

    def _without_results(self) -> ExitCode:
        codes = {
            "input": self.exit_codes.ERROR_BAD_INPUT,
            "dataset": self.exit_codes.ERROR_BAD_INPUT,
            "regression": self.exit_codes.ERROR_NOT_LEARNED,
            "lammps": self.exit_codes.ERROR_NO_DESCRIPTORS,
        }
        return failure_of(self.printed(), PROGRAM, codes, self.exit_codes.ERROR_NO_RESULTS)
