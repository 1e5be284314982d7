"""The descriptors of frames, computed by LAMMPS' executable: no Python module of LAMMPS is needed.

``compute pod/global`` gives what a linear potential is linear in: its first row, times the coefficients, is the energy
of the frame, and the rows after it are the forces. ``fix ave/time`` writes them as text. It has no rows of the stress:
they are the slopes of the first row by the strain, as differences.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.datasets.frame import Frame
from aiida_superionic.datasets.lammps_files import data_text, turned
from aiida_superionic.errors import SuperionicError
from aiida_superionic.potentials.pod import BASIS_FILE, PodBasis

Array = NDArray[np.float64]

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""The components of a symmetric tensor that are listed, in this order."""

_STRAIN = 1e-5
"""The slopes are known to some 1e-8 of the largest: what a difference leaves out is less, and rounding no more."""

_ROWS_FILE = "descriptors.txt"
_BATCH_NUMBERS = 3_000_000
"""Numbers that one run of LAMMPS writes: some 60 MB of text."""


class DescriptorError(SuperionicError, RuntimeError):
    """Descriptors that LAMMPS did not compute."""


def describe(frames: Sequence[Frame], basis: PodBasis, lammps: Path, folder: Path) -> list[Array]:
    """Return the descriptors of frames.

    Parameters
    ----------
    frames
        Whose species the basis describes.
    basis
        Which descriptors.
    lammps
        The executable.
    folder
        That is made: where LAMMPS runs, and where the arrays are kept, as those of a large dataset fill more than
        memory.

    Returns
    -------
    list of array
        For each frame, of shape (1 + 3 N, K): times the coefficients, its energy in eV and its forces in eV/Å, atom by
        atom. They are read from the folder as they are used.

    Raises
    ------
    DescriptorError
        If LAMMPS does not start, stops, or writes something else.
    """
    described: list[Array] = []
    for rows in _computed(frames, basis, lammps, folder, energy_alone=False):
        file = folder / f"{len(described)}.npy"
        np.save(file, rows)
        described.append(np.load(file, mmap_mode="r"))
    return described


def describe_stress(frames: Sequence[Frame], basis: PodBasis, lammps: Path, folder: Path) -> list[Array]:
    """Return what, times the coefficients, is the stress of frames.

    Parameters
    ----------
    frames, basis, lammps, folder
        As :func:`describe` takes them.

    Returns
    -------
    list of array
        For each frame, of shape (6, K): the components :data:`VOIGT` of its stress in eV/Å³, positive under tension.

    Raises
    ------
    DescriptorError
        If LAMMPS does not start, stops, or writes something else.
    """
    strains = [sign * _STRAIN * _unit_strain(*component) for component in VOIGT for sign in (1.0, -1.0)]
    strained = [_strained(frame, strain) for frame in frames for strain in strains]
    rows = _computed(strained, basis, lammps, folder, energy_alone=True)
    slopes = []
    for frame in frames:
        energies = np.array([next(rows)[0] for _ in strains]).reshape(len(VOIGT), 2, -1)
        slopes.append((energies[:, 0] - energies[:, 1]) / (2.0 * _STRAIN * abs(np.linalg.det(frame.cell))))
    return slopes


def _unit_strain(first: int, second: int) -> Array:
    """Return the strain by which the slope of the energy is one component of the stress, times the volume."""
    strain = np.zeros((3, 3))
    strain[first, second] += 0.5
    strain[second, first] += 0.5
    return strain


def _strained(frame: Frame, strain: Array) -> Frame:
    stretch = np.eye(3) + strain
    return replace(frame.unlabelled, positions=frame.positions @ stretch, cell=frame.cell @ stretch)


def _computed(
    frames: Sequence[Frame], basis: PodBasis, lammps: Path, folder: Path, *, energy_alone: bool
) -> Iterator[Array]:
    """Yield the rows of each frame, or the first of them."""
    folder.mkdir(parents=True)
    (folder / BASIS_FILE).write_text(basis.file())
    remaining = iter(frames)
    most = max((1 + 3 * len(frame.species) for frame in frames), default=1) * basis.n_coefficients
    while batch := list(islice(remaining, max(1, _BATCH_NUMBERS // most))):
        yield from _run(batch, basis, lammps, folder, energy_alone=energy_alone)


def _run(
    frames: Sequence[Frame], basis: PodBasis, lammps: Path, folder: Path, *, energy_alone: bool
) -> Iterator[Array]:
    """Yield the rows of frames that one run of LAMMPS computes."""
    script = []
    turns = []
    for number, frame in enumerate(frames):
        upright, turn = turned(frame)
        turns.append(turn)
        (folder / f"{number}.data").write_text(data_text(upright, basis.species))
        script += _commands(number, basis, energy_alone=energy_alone)
    (folder / "input.in").write_text("\n".join(script) + "\n")
    (folder / _ROWS_FILE).unlink(missing_ok=True)
    try:
        finished = subprocess.run(  # noqa: S603 - an executable that the user names
            [str(lammps.absolute()), "-in", "input.in", "-log", "none"],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise DescriptorError(f"{lammps} does not start: {error.strerror}") from error
    if finished.returncode != 0:
        said = [line for line in finished.stdout.splitlines() if "ERROR" in line] or ["it says nothing"]
        raise DescriptorError(f"LAMMPS stopped: {said[0]}")
    for number in range(len(frames)):
        (folder / f"{number}.data").unlink()
    with (folder / _ROWS_FILE).open() as file:
        numbers = np.fromstring("".join(line for line in file if line[0] != "#"), sep=" ")
    # Before its rows fix ave/time writes the timestep and their number, and before each row its own.
    sizes = [
        basis.n_coefficients if energy_alone else 2 + (1 + 3 * len(frame.species)) * (1 + basis.n_coefficients)
        for frame in frames
    ]
    if len(numbers) != sum(sizes) or not np.all(np.isfinite(numbers)):
        raise DescriptorError(f"LAMMPS wrote {len(numbers)} numbers where {sum(sizes)} descriptors were asked for")
    for of_frame, turn in zip(np.split(numbers, np.cumsum(sizes)[:-1]), turns, strict=True):
        if energy_alone:
            yield of_frame[np.newaxis]
            continue
        rows = of_frame[2:].reshape(-1, 1 + basis.n_coefficients)[:, 1:]
        forces = np.einsum("xy,nyk->nxk", turn, rows[1:].reshape(-1, 3, basis.n_coefficients))
        yield np.vstack((rows[:1], forces.reshape(-1, basis.n_coefficients)))


def _commands(number: int, basis: PodBasis, *, energy_alone: bool) -> list[str]:
    system = [
        "clear",
        "units metal",
        "atom_style atomic",
        "box tilt large",
        f"read_data {number}.data",
        f"pair_style zero {basis.cutoff!r}",
        "pair_coeff * *",
        f'compute descriptors all pod/global {BASIS_FILE} "" {" ".join(basis.species)}',
    ]
    if energy_alone:
        row = " ".join(f"$(c_descriptors[1][{column}]:%.17g)" for column in range(1, basis.n_coefficients + 1))
        told = f'print "{row}" append {_ROWS_FILE} screen no'
        return [*system, "thermo_style custom step c_descriptors[1][1]", "run 0 post no", told]
    written = f'fix rows all ave/time 1 1 1 c_descriptors[*] mode vector append {_ROWS_FILE} format " %.17g"'
    return [*system, written, "run 0 post no"]
