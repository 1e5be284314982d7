"""What the files of ``superionic-analyse`` mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.analysis.results_files import CURVES_FILE, FILES_FOLDER, RESULTS_FILE
from aiida_superionic.analysis.script import PROGRAM
from aiida_superionic.parsers.files import FilesParser, failure_of

_ENTRIES = ("version", "observables", "curves", "failures", "refusals")


class AnalyseParser(FilesParser):
    """Turns the results file into nodes; a run without one is a failure with the script's own sentence."""

    PROGRAM: ClassVar[str] = PROGRAM
    """The script, with which its sentences begin."""
    FAILURES: ClassVar[Mapping[str, str]] = {"trajectory": "ERROR_TRAJECTORY_UNUSABLE", "input": "ERROR_BAD_INPUT"}
    """Exit codes by what a sentence of the script is about; their messages take the ``error``."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store observables and curves and return the exit code that says how the script ended."""
        self.store_usage()
        try:
            results = json.loads(self.text(RESULTS_FILE))
            version, observables, axes, failures, refusals = (results[key] for key in _ENTRIES)
        except (ValueError, KeyError, TypeError):
            codes = {subject: self.exit_codes[name] for subject, name in self.FAILURES.items()}
            return failure_of(self.printed(), self.PROGRAM, codes, self.exit_codes.ERROR_NO_RESULTS)
        if failure := self.wrong_version(version):
            return failure
        retrieved = Path(retrieved_temporary_folder or "")
        if missing := [name for name in results.get("files", ()) if not (retrieved / FILES_FOLDER / name).is_file()]:
            return self.exit_codes.ERROR_NO_RESULTS.format(error=f"{', '.join(missing)} is missing")
        curves = self._curves(retrieved / CURVES_FILE, axes)
        if curves is None:
            return self.exit_codes.ERROR_NO_RESULTS.format(error=f"{CURVES_FILE} is missing or damaged")
        self.out("observables", orm.Dict(observables))
        self.out("curves", curves)
        if results.get("files"):
            self.out("files", orm.FolderData(tree=str(retrieved / FILES_FOLDER)))
        self.out(
            "report", orm.Dict({key: value for key, value in results.items() if key not in {"observables", "curves"}})
        )
        if refusals:
            return self.exit_codes.ERROR_IMPOSSIBLE_REQUEST.format(names=_listed({**failures, **refusals}))
        if failures:
            return self.exit_codes.ERROR_NOT_CONVERGED.format(names=_listed(failures))
        return None

    @staticmethod
    def _curves(path: Path, axes: dict[str, dict[str, str]]) -> orm.ArrayData | None:
        """Return curves and surfaces as one node: arrays ``NAME__x``, ``__y``, ``__z``, ``__error``; axes an attribute.

        Those that have a label of z are surfaces.
        """
        node = orm.ArrayData()
        try:
            with np.load(path, allow_pickle=False) as arrays:
                for name in arrays.files:
                    node.set_array(name, arrays[name])
        except (OSError, ValueError, EOFError, KeyError, BadZipFile):
            return None
        parts = {name: "xyz" if "z_label" in labels else "xy" for name, labels in axes.items()}
        if any(f"{name}__{part}" not in node.get_arraynames() for name in axes for part in parts[name]):
            return None
        node.base.attributes.set("axes", axes)
        return node


def _listed(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in sorted(reasons.items()))
