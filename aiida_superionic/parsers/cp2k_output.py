"""What CP2K prints, read without trust: any prefix of a real file is understood or named as broken.

Every reader takes the text of a file, whole or not, and returns what is whole in it in our units. What is no number,
as Fortran prints one that does not fit its field, becomes NaN.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from aiida_superionic.analysis.readers.cp2k_xyz import xyz_frames
from aiida_superionic.analysis.readers.part import CutOffError
from aiida_superionic.analysis.trajectory import CENTRE, Array
from aiida_superionic.units import ENERGY_UNITS, FORCE_FROM_ATOMIC, LENGTH_UNITS, PRESSURE_UNITS

UNCONVERGED = "SCF run NOT converged"
"""What some versions stop at, and others only warn of."""

_VERSION = re.compile(r"^ CP2K\| version string:\s+CP2K version (?P<version>\S+)\n", re.MULTILINE)
_CLOSING = re.compile(r"^ .*PROGRAM STOPPED IN .*\n", re.MULTILINE)
_ENERGY = re.compile(r"^ ENERGY\| Total FORCE_EVAL \(.*\) energy \[.*\]:?\s+(?P<energy>\S+)\n", re.MULTILINE)
_ABORT = re.compile(r"^ \* \[ABORT\].*\n(?: \*.*\n)+", re.MULTILINE)
_ABORT_DRAWING = len(" * [ABORT]")
_CRASH = re.compile(r"^(?:Program received signal|Fortran runtime error:|At line \d+ of file).*\n", re.MULTILINE)
_WALLTIME = re.compile(r"exceeded requested execution time")
_OCCUPIED = re.compile(r"^ Number of occupied orbitals:\s+(\d+)\n", re.MULTILINE)
_INNER_LOOP = re.compile(r"^ +\*\*\* SCF run converged in +(\d+) (?:steps|iterations)", re.MULTILINE)
_OUTER_LOOP = re.compile(r"^ +outer SCF loop (converged in|FAILED).* (\d+) steps\n", re.MULTILINE)
_ITERATION = re.compile(r"^ +\d+ (?:OT|P_Mix|Broy|DIIS|Diag|[A-Z]\S*/)\S*.*\n", re.MULTILINE)
_LOCALISATION = re.compile(r"^ +Localization +for spin +\d+ converged in +(\d+) iterations\n", re.MULTILINE)
_FORCES = re.compile(r"^ ATOMIC FORCES in \[a\.u\.\]\n\n #.*\n(?P<rows>(?: +\d+ +\d+ .*\n)+) SUM OF", re.MULTILINE)
_STRESS = re.compile(
    r"^ STRESS\| .*stress tensor \[(?P<unit>\w+)\]\n STRESS\| +x +y +z\n"
    + "".join(rf" STRESS\| +{axis} +(?P<{axis}>.*)\n" for axis in "xyz"),
    re.MULTILINE,
)
_CHARGES = re.compile(
    r"(?P<method>mulliken population analysis|hirshfeld charges)\n\s*\n(?P<heading> *#.*)\n"
    r"(?P<rows>(?: +\d+ +[A-Z].*\n)+)",
    re.MULTILINE | re.IGNORECASE,
)
_SPREADS = re.compile(r"^ +\d+\n(?P<label>\S+)\n(?P<rows>(?: +\d+ .*\n)+) Total .*\n", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Cp2kFrame:
    """What CP2K's output says of one configuration.

    Parameters
    ----------
    energy
        Total energy in eV.
    scf_steps
        Steps of the self-consistent field, those of all outer loops together.
    scf_converged
        Whether CP2K says that it converged; 2023.1 goes on where it did not.
    localisation_iterations
        Iterations of the localisation, or None without one. CP2K says "converged" of any number of them, that of
        ``MAX_ITER`` included.
    forces
        In eV/Å, shape (N, 3); None where they are not printed.
    """

    energy: float
    scf_steps: int
    scf_converged: bool
    localisation_iterations: int | None
    forces: Array | None


@dataclass(frozen=True, eq=False)
class Cp2kOutput:
    """The facts of one CP2K output.

    Parameters
    ----------
    version
        CP2K's own name of its version, or None where the output does not begin as CP2K's does.
    complete
        Whether the closing line is there.
    error
        The sentence with which CP2K or its runtime library stopped, or None.
    out_of_walltime
        Whether CP2K stopped because its ``WALLTIME`` was over.
    occupied_orbitals
        Number of occupied orbitals of each spin.
    frames
        The configurations whose energy was printed, in their order.
    """

    version: str | None
    complete: bool
    error: str | None
    out_of_walltime: bool
    occupied_orbitals: int | None
    frames: tuple[Cp2kFrame, ...]

    @property
    def stopped_unconverged(self) -> bool:
        """Whether CP2K stopped because a self-consistent field did not converge."""
        return self.error is not None and UNCONVERGED in self.error


def read_cp2k_output(text: str) -> Cp2kOutput:
    """Return the facts of a CP2K output, complete or not."""
    version = _VERSION.search(text)
    occupied = _OCCUPIED.search(text)
    frames = []
    energies = list(_ENERGY.finditer(text))
    starts = [0, *(energy.end() for energy in energies)]
    for i, energy in enumerate(energies):
        after = energies[i + 1].start() if i + 1 < len(energies) else len(text)
        frames.append(_frame(text[starts[i] : energy.start()], energy["energy"], text[energy.end() : after]))
    return Cp2kOutput(
        version=version["version"] if version else None,
        complete=_CLOSING.search(text) is not None,
        error=_error(text),
        out_of_walltime=_WALLTIME.search(text) is not None,
        occupied_orbitals=int(occupied[1]) if occupied else None,
        frames=tuple(frames),
    )


def _frame(before: str, energy: str, after: str) -> Cp2kFrame:
    """Return a frame by what is printed before its energy, back to the energy before it, and what follows."""
    outer = list(_OUTER_LOOP.finditer(before))
    inner = list(_INNER_LOOP.finditer(before))
    if outer:
        steps, converged = int(outer[-1][2]), outer[-1][1] == "converged in"
    else:
        steps, converged = int(inner[-1][1]) if inner else len(_ITERATION.findall(before)), bool(inner)
    localisations = _LOCALISATION.findall(before)
    forces = _FORCES.search(after)
    return Cp2kFrame(
        energy=number(energy) * ENERGY_UNITS["Hartree"],
        scf_steps=steps,
        scf_converged=converged and UNCONVERGED not in before,
        localisation_iterations=max(map(int, localisations)) if localisations else None,
        forces=_table(forces["rows"], slice(3, 6)) * FORCE_FROM_ATOMIC if forces else None,
    )


def _error(text: str) -> str | None:
    abort = _ABORT.search(text)
    if abort is not None:
        lines = takewhile(lambda line: not re.search(r"\.F:\d+", line), abort[0].splitlines())
        told = " ".join(line[_ABORT_DRAWING:].strip(" *") for line in lines)
        return " ".join(told.split()) or "it does not say why"
    crash = _CRASH.search(text)
    return crash[0].strip() if crash else None


def read_stress(text: str) -> list[Array]:
    """Return the stress tensor in eV/Å³, shape (3, 3), of each frame, positive where the crystal is under tension.

    It is the derivative of the energy by the strain over the volume. CP2K prints its negative, with the sign of a
    pressure.
    """
    return [
        -PRESSURE_UNITS[block["unit"]] * _table("\n".join(block[axis] for axis in "xyz"), slice(0, 3))
        for block in _STRESS.finditer(text)
        if block["unit"] in PRESSURE_UNITS
    ]


def read_charges(text: str) -> dict[str, list[Array]]:
    """Return the net charges in e by method (``mulliken``, ``hirshfeld``), shape (N,) for each frame."""
    charges: dict[str, list[Array]] = {}
    for block in _CHARGES.finditer(text):
        # With spin, Mulliken's table has the moment after the charge.
        column = -2 if re.search(r"charge +spin moment", block["heading"], re.IGNORECASE) else -1
        rows = [line.split() for line in block["rows"].splitlines()]
        net = np.full(len(rows), np.nan)
        for words in rows:
            # xTB prints the atoms of one kind together.
            if len(words) > 4 and 0 < int(words[0]) <= len(rows):
                net[int(words[0]) - 1] = number(words[column])
        charges.setdefault(block["method"].split()[0].lower(), []).append(net)
    return charges


def read_xyz(text: str) -> list[tuple[str, tuple[str, ...], Array]]:
    """Return comment, names and vectors, shape (N, 3) and in the file's unit, of the frames that are whole."""
    frames = []
    try:
        for frame in xyz_frames(io.StringIO(text)):
            frames.append(frame)
    except (CutOffError, ValueError):
        pass
    return frames


def read_wannier(text: str) -> list[tuple[Array, Array]]:
    """Return wrapped ions, shape (N, 3), and centres, shape (M, 3), in Å, of each frame."""
    # The last localisation of a frame is the one that counts; CP2K names the frame in the comment.
    last = {comment: (np.array(names), vectors) for comment, names, vectors in read_xyz(text)}
    return [(vectors[names != CENTRE], vectors[names == CENTRE]) for names, vectors in last.values()]


def read_spreads(text: str) -> list[Array]:
    """Return the spreads in Å², shape (M,), of each frame, as -Σ w ln|z|² of Berry's phase."""
    last = {block["label"]: _table(block["rows"], slice(1, 2))[:, 0] for block in _SPREADS.finditer(text)}
    return [spreads * LENGTH_UNITS["Bohr"] ** 2 for spreads in last.values()]


def read_cells(text: str) -> list[Array]:
    """Return the cell of each frame in ``PROJECT-1.cell``, vectors as rows in Å, shape (3, 3)."""
    rows = [line.split() for line in io.StringIO(text) if line.endswith("\n") and not line.lstrip().startswith("#")]
    whole = takewhile(lambda words: len(words) == 12, rows)
    return [np.array([number(word) for word in words[2:11]]).reshape(3, 3) for words in whole]


def _table(rows: str, columns: slice) -> Array:
    """Return columns of a table; a row that lacks some has NaN in their place."""
    width = columns.stop - columns.start
    words = [line.split()[columns] for line in rows.splitlines()]
    return np.array([[number(word) for word in line] + [np.nan] * (width - len(line)) for line in words])


def number(word: str) -> float:
    """Return the number that a word is, NaN where it is none."""
    try:
        return float(word)
    except ValueError:
        return np.nan
