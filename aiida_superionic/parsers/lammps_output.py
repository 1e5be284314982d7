"""What LAMMPS prints, read without trust: any prefix of a real output is understood or named as broken."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.io.lammpsrun import read_lammps_dump_text
from numpy.typing import NDArray

from aiida_superionic.calculations.lammps_script import CHECKPOINT_LINE, MOLTEN_FIX, THERMO_COLUMNS
from aiida_superionic.constraints import lammps as constraints

# Its newline belongs to the line: an output that breaks off inside it would tell a wrong step.
_CHECKPOINT = re.compile(
    "^" + CHECKPOINT_LINE.format(file=r"(?P<file>\S+)", step=r"(?P<step>\d+)") + r"\r?\n", re.MULTILINE
)
_VERSION = re.compile(r"^LAMMPS \((?P<version>[^)]+)\)", re.MULTILINE)
_CLOSING = re.compile(r"^Total wall time: \d+:\d\d:\d\d$", re.MULTILINE)
_ERROR = re.compile(r"^ERROR(?: on proc \d+)?: (?P<message>.*)$", re.MULTILINE)
_HEAD_OF_FRAME = 9
"""Lines before the first atom of a text dump."""
_LOST_ATOMS = ("Lost atoms", "Out of range atoms", "inner cutoff", "table cutoff")


@dataclass(frozen=True, eq=False)
class LammpsOutput:
    """The facts of one LAMMPS output.

    Parameters
    ----------
    version
        LAMMPS' own name of its version, or None where the output does not begin as LAMMPS' does.
    complete
        Whether the closing line is there.
    error
        The first error that LAMMPS printed, or None.
    thermo
        Thermodynamic output: an array of shape (rows,) for each column, by our names.
    checkpoint
        File and step of the last checkpoint, or None.
    """

    version: str | None
    complete: bool
    error: str | None
    thermo: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    checkpoint: tuple[str, int] | None = None

    @property
    def molten(self) -> bool:
        """Whether the run was ended because the host lattice did not stay intact."""
        return self.error is not None and MOLTEN_FIX in self.error

    @property
    def constraint_violated(self) -> bool:
        """Whether the run was ended because what is held did not stay in its place."""
        return self.error is not None and constraints.HOLDS_FIX in self.error

    @property
    def lost_atoms(self) -> bool:
        """Whether atoms were lost, or came nearer to one another than the potential allows."""
        return self.error is not None and any(sign in self.error for sign in _LOST_ATOMS)

    @property
    def first_non_numeric_step(self) -> int | None:
        """The first step whose thermodynamic output is not a number."""
        if not self.thermo:
            return None
        broken = ~np.all(np.isfinite(np.column_stack(list(self.thermo.values()))), axis=1)
        return int(np.nan_to_num(self.thermo["step"][broken][0])) if broken.any() else None


def read_lammps_output(text: str) -> LammpsOutput:
    """Return the facts of a LAMMPS output, complete or not."""
    version = _VERSION.search(text)
    error = _ERROR.search(text)
    checkpoints = list(_CHECKPOINT.finditer(text))
    return LammpsOutput(
        version=version["version"] if version else None,
        complete=_CLOSING.search(text) is not None,
        error=error["message"].strip() if error else None,
        thermo=_read_thermo(text),
        checkpoint=(checkpoints[-1]["file"], int(checkpoints[-1]["step"])) if checkpoints else None,
    )


def read_last_frame(text: str, step: int, species: Sequence[str]) -> Atoms | None:
    """Return the frame of a text dump, or None if it is not whole, or that of another step or of other atoms.

    Parameters
    ----------
    text
        The file, atoms sorted by their numbers.
    step
        That of the frame.
    species
        Chemical symbol of each atom; LAMMPS' types are these in the order of their first atoms.
    """
    # The newline belongs to the last number: without it that might be another.
    whole = text.endswith("\n") and text.count("\n") == _HEAD_OF_FRAME + len(species)
    if not whole or not text.startswith(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(species)}\n"):
        return None
    kinds = list(dict.fromkeys(species))
    try:
        atoms = read_lammps_dump_text(io.StringIO(text), index=-1, specorder=kinds, units="metal")
    except (ValueError, KeyError, IndexError, RuntimeError):
        return None
    return atoms if atoms.get_chemical_symbols() == list(species) else None


def _read_thermo(text: str) -> dict[str, NDArray[np.float64]]:
    """Return the rows of all runs; a step printed twice, at the end of a run and the start of the next, counts once."""
    known = THERMO_COLUMNS | constraints.THERMO_COLUMNS
    headings: list[str] = []
    rows: dict[float, list[float]] = {}
    inside = False
    for line in text.splitlines(keepends=True):
        words = line.split()
        if words[: len(THERMO_COLUMNS)] == list(THERMO_COLUMNS) and set(words) <= set(known) and line.endswith("\n"):
            headings = words
            inside = True
        elif inside and len(words) == len(headings) and line.endswith("\n"):
            try:
                values = [float(word) for word in words]
            except ValueError:
                inside = False
                continue
            rows[values[0]] = values
        elif inside and line.startswith(("Loop time", "ERROR")):
            inside = False
    if not rows:
        return {}
    table = np.array(list(rows.values()))
    return {known[heading]: table[:, column] for column, heading in enumerate(headings)}
