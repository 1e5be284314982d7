"""How far the potentials of a committee are from one another along a run, as ``pair_style deepmd`` writes it.

The deviation of the force on an atom is √⟨|f_m − ⟨f_m⟩|²⟩ with ⟨⟩ the mean over the members, as DP-GEN defines it;
those of the virial are of its components, over the number of atoms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CHECK_FILE = "deviation.awk"
LARGEST = "largest_force_deviation"
UNITS = {
    "largest_virial_deviation": "eV/atom",
    "smallest_virial_deviation": "eV/atom",
    "mean_virial_deviation": "eV/atom",
    LARGEST: "eV/Å",
    "smallest_force_deviation": "eV/Å",
    "mean_force_deviation": "eV/Å",
}
"""Our names of the columns after the step, in LAMMPS' order, with their units."""

_PASSED_FILE = "deviation.passed"
_FORCE_COLUMN = 2 + list(UNITS).index(LARGEST)
CHECK_STEPS = 1000
"""Timesteps after which a run looks whether the deviation has passed its limit."""


def check_file(limit: float) -> str:
    """Return the text of the file by which a run finds that a deviation is above a limit in eV/Å."""
    # What is no number is not below the limit.
    return f'!/^#/ && !(${_FORCE_COLUMN} <= {limit!r}) {{ print > "{_PASSED_FILE}"; exit }}\n'


def check_lines(deviation_file: str, label: str) -> list[str]:
    """Return the lines of a script that go to a label where a deviation is above the limit of the file beside it."""
    return [
        f"shell awk -f {CHECK_FILE} {deviation_file}",
        f'if "$(is_file({_PASSED_FILE}))" then "jump SELF {label}"',
    ]


def read_deviation(text: str) -> dict[str, NDArray[np.float64]]:
    """Return the columns of the file of deviations by our names, ``step`` first, arrays of shape (n,).

    Of a step that is there twice, because a run ended with it or was cut off after it, the later row counts. A row that
    breaks off does not.
    """
    rows: dict[int, list[float]] = {}
    for line in text.splitlines(keepends=True):
        words = line.split()
        if not line.startswith("#") and len(words) == 1 + len(UNITS) and line.endswith("\n"):
            rows[int(words[0])] = [float(word) for word in words]
    if not rows:
        return {}
    table = np.array([rows[step] for step in sorted(rows)])
    return {name: table[:, column] for column, name in enumerate(["step", *UNITS])}


def observables(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, dict[str, float | str | None]]:
    """Return what people filter on: the largest deviation of a force in the run, and the mean over atoms and steps.

    A deviation that is not a number leaves none.
    """
    found = {
        "committee_force_deviation_largest": np.max(columns[LARGEST]),
        "committee_force_deviation_mean": np.mean(columns["mean_force_deviation"]),
    }
    return {
        name: {
            "value": float(value) if np.isfinite(value) else None,
            "error": None,
            "unit": UNITS[LARGEST],
            "upper_bound": None,
        }
        for name, value in found.items()
    }
