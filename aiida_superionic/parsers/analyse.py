"""What the files of ``superionic-analyse`` mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.analyse import CURVES_FILE, FILES_FOLDER, RESULTS_FILE
from aiida_superionic.parsers.files import FilesParser, sentence_of

_MESSAGE = "superionic-analyse: "
_ENTRIES = ("version", "observables", "curves", "failures", "refusals")


class AnalyseParser(FilesParser):
    """Turns the results file into nodes; a run without one is a failure with the script's own sentence."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store observables and curves and return the exit code that says how the script ended."""
        cost = usage.parse_usage(self.text(usage.FILE))
        if cost is not None:
            self.out("usage", orm.Dict(cost))
        sentence = sentence_of(self.text(self.node.get_option("output_filename")), _MESSAGE)
        try:
            results = json.loads(self.text(RESULTS_FILE))
            version, observables, axes, failures, refusals = (results[key] for key in _ENTRIES)
        except (ValueError, KeyError, TypeError):
            return self._without_results(sentence)
        if version != self.node.inputs.version.value:
            return self.exit_codes.ERROR_VERSION.format(found=version, given=self.node.inputs.version.value)
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

    def _without_results(self, sentence: str) -> ExitCode:
        codes = self.exit_codes
        if sentence.startswith("trajectory: "):
            return codes.ERROR_TRAJECTORY_UNUSABLE.format(error=sentence.removeprefix("trajectory: "))
        if sentence.startswith("input: "):
            return codes.ERROR_BAD_INPUT.format(error=sentence.removeprefix("input: "))
        return codes.ERROR_NO_RESULTS.format(error=sentence)

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
