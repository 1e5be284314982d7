"""What the files of ``superionic-assess`` mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import DatasetError
from aiida_superionic.datasets.extxyz import read_extxyz
from aiida_superionic.learning.assess_script import ASSESSMENT_FILE, KEPT_FILE, PROGRAM
from aiida_superionic.learning.assessment import UNITS
from aiida_superionic.parsers.files import FilesParser, failure_of

_ENDED = re.compile(rf"^\d+ frames assessed, (\d+) kept by {PROGRAM} (\S+)$", re.MULTILINE)


class AssessParser(FilesParser):
    """Makes nodes of the measures and of the frames that were kept, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store what the script found and return the exit code that says how the job ended."""
        self.store_usage()
        told = self.printed()
        ended = _ENDED.search(told)
        if ended is None:
            return self._without_results(told)
        if failure := self.wrong_version(ended[2]):
            return failure
        folder = Path(retrieved_temporary_folder or "")
        try:
            with np.load(folder / ASSESSMENT_FILE, allow_pickle=False) as arrays:
                assessment = orm.ArrayData({name: arrays[name] for name in arrays.files})
            assessment.base.attributes.set("units", {name: UNITS[name] for name in assessment.get_arraynames()})
            if int(ended[1]):
                kept = DatasetData(read_extxyz((folder / KEPT_FILE).read_text(encoding="utf-8"), KEPT_FILE))
                self.out("frames", kept)
        except (OSError, EOFError, ValueError, KeyError, BadZipFile, DatasetError) as error:
            return self.exit_codes.ERROR_NO_RESULTS.format(error=error)
        self.out("assessment", assessment)
        return None

    def _without_results(self, told: str) -> ExitCode:
        codes = {
            "input": self.exit_codes.ERROR_BAD_INPUT,
            "dataset": self.exit_codes.ERROR_BAD_INPUT,
            "model": self.exit_codes.ERROR_BAD_INPUT,
            "trajectory": self.exit_codes.ERROR_TRAJECTORY_UNUSABLE,
            "lammps": self.exit_codes.ERROR_NO_DESCRIPTORS,
        }
        return failure_of(told, PROGRAM, codes, self.exit_codes.ERROR_NO_RESULTS)
