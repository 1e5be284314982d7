"""What the files of an evaluation mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.calculations.evaluate import EvaluateCalculation, level_of_theory_of
from aiida_superionic.calculations.lammps_script import FORCES_FILE, LABEL_LINE
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, DatasetError
from aiida_superionic.datasets.lammps_files import turned
from aiida_superionic.parsers.files import FilesParser
from aiida_superionic.parsers.lammps_output import read_lammps_output
from aiida_superionic.units import PRESSURE_UNITS

# Its newline belongs to the line: an output that breaks off inside it would tell a wrong number.
_LABEL = re.compile(
    "^" + LABEL_LINE.format(number=r"(\d+)", energy=r"(\S+)", pressure=" ".join(6 * [r"(\S+)"])) + r"\r?\n",
    re.MULTILINE,
)
_HEADER = 9


class EvaluateParser(FilesParser):
    """Makes a dataset of the frames and their new labels, and names what went wrong."""

    def parse(self, retrieved_temporary_folder: str | None = None, **_: Any) -> ExitCode | None:
        """Store the labelled frames and return the exit code that says how the job ended."""
        codes = self.exit_codes
        self.store_usage()
        text = self.printed()
        output = read_lammps_output(text)
        if output.version is None:
            return self.did_not_start()
        dataset = self.node.inputs.dataset.dataset
        order = list(chain.from_iterable(EvaluateCalculation.batches(dataset)))
        labels = _LABEL.findall(text)
        if output.error is not None:
            return codes.ERROR_LAMMPS.format(number=order[min(len(labels), len(order) - 1)], error=output.error)
        if not output.complete:
            return codes.ERROR_INTERRUPTED
        try:
            forces = _read_forces(
                Path(retrieved_temporary_folder or "") / FORCES_FILE, [len(dataset.frames[n].species) for n in order]
            )
        except (OSError, ValueError):
            return codes.ERROR_LABELS_MISSING
        if [int(number) for number, *_ in labels] != order:
            return codes.ERROR_LABELS_MISSING
        try:
            self.out("dataset", DatasetData(self._labelled(dataset, labels, dict(zip(order, forces, strict=True)))))
        except DatasetError as error:
            return codes.ERROR_UNUSABLE_LABELS.format(error=error)
        return None

    def _labelled(self, dataset: Dataset, labels: Sequence[tuple[str, ...]], forces: dict[int, Array]) -> Dataset:
        frames = list(dataset.frames)
        for word, *words in labels:
            number = int(word)
            energy, xx, yy, zz, xy, xz, yz = map(float, words)
            _, turn = turned(frames[number])
            stress = -PRESSURE_UNITS["bar"] * np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
            try:
                frames[number] = replace(
                    frames[number], energy=energy, forces=forces[number] @ turn.T, stress=turn @ stress @ turn.T
                )
            except DatasetError as error:
                raise DatasetError(f"frame {number}: {error}") from None
        return Dataset(tuple(frames), level_of_theory_of(self.node.inputs.potential.potential))


def _read_forces(path: Path, sizes: Sequence[int]) -> list[Array]:
    """Return the forces of each snapshot of a dump, shape (N, 3), in the order of the atoms."""
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    forces = []
    for size in sizes:
        snapshot = np.array([line.split() for line in islice(lines, _HEADER, _HEADER + size)], dtype=np.float64)
        if snapshot.shape != (size, 4):
            raise ValueError(f"{path.name} breaks off")
        forces.append(snapshot[:, 1:])
    return forces
