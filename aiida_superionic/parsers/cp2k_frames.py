"""The frames of a CP2K job: what its files say of each that was asked for, and which of them cannot be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import CENTRE, Array, Trajectory
from aiida_superionic.analysis.wannier_centres import centres_by_species
from aiida_superionic.calculations.cp2k_input import (
    CELL_FILE,
    FORCES_FILE,
    HIRSHFELD_FILE,
    MATRICES_FILE,
    MULLIKEN_FILE,
    POSITIONS_FILE,
    SPREADS_FILE,
    STRESS_FILE,
    WANNIER_FILE,
    Cp2kRequest,
)
from aiida_superionic.parsers.cp2k_output import (
    Cp2kOutput,
    read_cells,
    read_charges,
    read_cp2k_output,
    read_spreads,
    read_stress,
    read_wannier,
    read_xyz,
)
from aiida_superionic.parsers.mayer import read_mayer
from aiida_superionic.units import ENERGY_UNITS, FORCE_FROM_ATOMIC

_SAME = 1e-5
"""Å by which CP2K's positions and cells, of ten decimals, may differ from those that it was given."""

_SAME_ENERGY = 1e-6
"""eV by which an energy of ten decimals in Hartree may differ from that of more."""
_SAME_FORCE = 1e-6
"""eV/Å by which forces of ten decimals in atomic units may differ from those of eight."""
_SAME_ELECTRONS = 1e-4
"""By which the trace of two matrices of ten decimals may differ from the number of electrons."""
_T = TypeVar("_T")


class Failure(Enum):
    """Why a frame cannot be trusted, the gravest first; the values are the exit codes of the calculation."""

    OTHER_FRAME = "ERROR_OTHER_FRAMES"
    ZERO_FORCES = "ERROR_ZERO_FORCES"
    NON_NUMERIC = "ERROR_NON_NUMERIC"
    SCF_NOT_CONVERGED = "ERROR_SCF_NOT_CONVERGED"
    MISSING = "ERROR_MISSING_FRAMES"
    NOT_LOCALISED = "ERROR_LOCALISATION_NOT_CONVERGED"
    WRONG_CENTRES = "ERROR_WRONG_CENTRES"


@dataclass(frozen=True, eq=False)
class Cp2kFrames:
    """The frames that can be trusted, and why the others cannot.

    Parameters
    ----------
    output
        What CP2K printed.
    good
        Indices of the frames that can be trusted, among those that were asked for, shape (T,).
    labels
        Arrays of the good frames: ``energies`` (T,) in eV, ``forces`` (T, N, 3) in eV/Å, ``stress`` (T, 3, 3) in
        eV/Å³, ``charges_mulliken`` and ``charges_hirshfeld`` (T, N) in e, ``bond_orders_mayer`` (T, N, N),
        ``scf_steps`` (T,).
    wannier
        Arrays of the good frames: ``centres`` (T, M, 3) in Å, ``spreads`` (T, M) in Å², and, where the number of
        centres per ion is known, ``ions`` (M,): the index of the ion of each centre, and, where cube files were asked
        for, ``orbitals`` (T, M): CP2K's number of the orbital of each centre.
    failures
        By index, why a frame cannot be trusted, and a sentence about it.
    """

    output: Cp2kOutput
    good: NDArray[np.int64]
    labels: dict[str, Array]
    wannier: dict[str, Array]
    failures: dict[int, tuple[Failure, str]] = field(default_factory=dict)


class _FailedFrameError(Exception):
    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


def read_frames(files: Mapping[str, str], output: str, request: Cp2kRequest) -> Cp2kFrames:
    """Return what the files of a job say of the frames that were asked for.

    Parameters
    ----------
    files
        Text of each file that the job left, by its name; empty or absent where there is none.
    output
        What CP2K printed.
    request
        What was asked for.
    """
    return _Files(files, output, request).read()


class _Files:
    """All that the files hold, frame by frame in the order in which CP2K computed them."""

    def __init__(self, files: Mapping[str, str], output: str, request: Cp2kRequest) -> None:
        self.request = request
        self.n_atoms = len(request.species)
        self.output = read_cp2k_output(output)
        self.positions = read_xyz(files.get(POSITIONS_FILE, ""))
        self.forces = read_xyz(files.get(FORCES_FILE, ""))
        self.cells = read_cells(files.get(CELL_FILE, ""))
        self.stress = read_stress(files.get(STRESS_FILE) or output)
        self.centres = read_wannier(files.get(WANNIER_FILE, ""))
        self.spreads = read_spreads(files.get(SPREADS_FILE, ""))
        printed = "\n".join(files.get(name) or "" for name in (MULLIKEN_FILE, HIRSHFELD_FILE))
        self.charges = read_charges(printed) or read_charges(output)
        matrices = files.get(MATRICES_FILE, "") if request.bond_orders else ""
        self.bond_orders = read_mayer(matrices, self.n_atoms)

    def read(self) -> Cp2kFrames:
        failures: dict[int, tuple[Failure, str]] = {}
        labels: dict[int, dict[str, Array]] = {}
        wannier: dict[int, dict[str, Array]] = {}
        for k in range(len(self.request.positions)):
            try:
                labels[k] = self._labels(k)
                wannier[k] = self._wannier(k) if self.request.localised else {}
            except _FailedFrameError as error:
                failures[k] = (error.failure, str(error))
                labels.pop(k, None)
        good = list(labels)
        return Cp2kFrames(
            output=self.output,
            good=np.array(good, dtype=np.int64),
            labels=_stacked([labels[k] for k in good]),
            wannier=_stacked([wannier[k] for k in good]),
            failures=failures,
        )

    def _labels(self, k: int) -> dict[str, Array]:
        if k >= len(self.output.frames):
            raise _FailedFrameError(Failure.MISSING, "CP2K printed no energy of it")
        frame = self.output.frames[k]
        if not np.isfinite(frame.energy):
            raise _FailedFrameError(Failure.NON_NUMERIC, "its energy is no number")
        labels = {"energies": np.array(frame.energy)}
        if self.request.batch:
            self._check_geometry(k)
        if self.request.forces:
            labels["forces"] = self._forces(k)
        if self.request.stress:
            labels["stress"] = self._of(k, self.stress, "stress")
        if self.request.bond_orders:
            labels["bond_orders_mayer"] = self._bond_orders(k)
        for name, array in labels.items():
            if not np.isfinite(array).all():
                raise _FailedFrameError(Failure.NON_NUMERIC, f"its {name} are no numbers")
        if not frame.scf_converged:
            raise _FailedFrameError(Failure.SCF_NOT_CONVERGED, f"not converged after {frame.scf_steps} steps")
        for method, frames in self.charges.items():
            # Charges are given where every frame has them; no frame is worse without.
            if len(frames) == len(self.output.frames) and all(len(net) == self.n_atoms for net in frames):
                labels[f"charges_{method}"] = frames[k]
        return {**labels, "scf_steps": np.array(frame.scf_steps)}

    def _of(self, k: int, values: Sequence[_T], what: str) -> _T:
        """Return the value of a frame, of as many as there are frames, or it is not known which is whose."""
        if k >= len(values) or (self.output.complete and len(values) > len(self.output.frames)):
            raise _FailedFrameError(Failure.MISSING, f"{what} missing")
        return values[k]

    def _vectors(self, k: int, frames: Sequence[tuple[str, tuple[str, ...], Array]], what: str) -> Array:
        """Return the vectors of a frame of a batch, if its comment tells the energy that CP2K printed of it."""
        comment, names, vectors = self._of(k, frames, what)
        energy = comment.rpartition("E = ")[2]
        if len(names) != self.n_atoms or not _is_energy(energy, self.output.frames[k].energy):
            raise _FailedFrameError(Failure.MISSING, f"{what} missing: the file holds another frame")
        return vectors

    def _forces(self, k: int) -> Array:
        printed = self.output.frames[k].forces
        if not self.request.batch:
            if printed is None or len(printed) != self.n_atoms:
                raise _FailedFrameError(Failure.MISSING, "forces missing")
            return printed
        forces = self._vectors(k, self.forces, "forces") * FORCE_FROM_ATOMIC
        if printed is not None and (printed.shape != forces.shape or np.abs(printed - forces).max() > _SAME_FORCE):
            raise _FailedFrameError(Failure.MISSING, "forces missing: the file and the output hold others")
        # A single point in a symmetric crystal may have none; those of a batch are printed to more decimals.
        if not forces.any():
            raise _FailedFrameError(Failure.ZERO_FORCES, "all forces are zero")
        return forces

    def _bond_orders(self, k: int) -> Array:
        what = "overlap and density matrix"
        # The matrices do not say whose they are.
        if self.output.complete and len(self.bond_orders) != len(self.output.frames):
            raise _FailedFrameError(Failure.MISSING, f"{what} missing of some frame")
        orders, electrons = self._of(k, self.bond_orders, what)
        # Two in each occupied orbital: a matrix of another step, or of another frame, has not the same overlap.
        if (
            self.output.occupied_orbitals is None
            or abs(electrons - 2 * self.output.occupied_orbitals) > _SAME_ELECTRONS
        ):
            raise _FailedFrameError(Failure.MISSING, f"{what} hold {electrons:.4f} electrons")
        return orders

    def _check_geometry(self, k: int) -> None:
        positions = self._vectors(k, self.positions, "positions")
        if not _close(positions, self.request.positions[k]):
            raise _FailedFrameError(Failure.OTHER_FRAME, "the positions are not those that were given")
        if not _close(self._of(k, self.cells, "cell"), self.request.cells[k]):
            raise _FailedFrameError(Failure.OTHER_FRAME, "the cell is not the one that was given")

    def _wannier(self, k: int) -> dict[str, Array]:
        iterations = self.output.frames[k].localisation_iterations
        ions, centres = self._of(k, self.centres, "Wannier centres")
        spreads = self._of(k, self.spreads, "spreads of the Wannier centres")
        if iterations is None:
            raise _FailedFrameError(Failure.MISSING, "its localisation is not in the output")
        if iterations >= self.request.max_localisation_iterations:
            raise _FailedFrameError(Failure.NOT_LOCALISED, f"not localised after {iterations} iterations")
        given, cell = self.request.positions[k], self.request.cells[k]
        if not np.isfinite(centres).all() or not np.isfinite(spreads).all():
            raise _FailedFrameError(Failure.NON_NUMERIC, "Wannier centres are no numbers")
        if ions.shape != given.shape or not _close(minimum_image(ions - given, cell), 0.0):
            raise _FailedFrameError(Failure.OTHER_FRAME, f"the ions in {WANNIER_FILE} are not those that were given")
        if len(centres) != len(spreads) or len(centres) != self.output.occupied_orbitals:
            found = f"{len(centres)} centres and {len(spreads)} spreads"
            raise _FailedFrameError(
                Failure.WRONG_CENTRES, f"{found} where {self.output.occupied_orbitals} orbitals are occupied"
            )
        if self.request.centres_per_ion is None:
            return {"centres": centres, "spreads": spreads}
        return self._centres_of_ions(k, centres, spreads, self.request.centres_per_ion)

    def _centres_of_ions(self, k: int, centres: Array, spreads: Array, per_ion: Mapping[str, int]) -> dict[str, Array]:
        """Return the centres in the order of their ions, each as the image that lies next to its ion."""
        species, given, cell = self.request.species, self.request.positions[k], self.request.cells[k]
        everything = np.concatenate((given, centres))
        frame = Trajectory((*species, *[CENTRE] * len(centres)), everything[None], cell, 1.0, np.ones(len(everything)))
        try:
            owned = centres_by_species(frame, per_ion)
        except ParameterError as error:
            raise _FailedFrameError(Failure.WRONG_CENTRES, str(error).removeprefix("frame 0: ")) from error
        owners = np.empty(len(centres), dtype=np.int64)
        for kind, indices in owned.items():
            owners[indices[0] - len(species)] = np.repeat(frame.atoms_of(kind), per_ion[kind])
        order = np.argsort(owners, kind="stable")
        ions = owners[order]
        near = given[ions] + minimum_image(centres[order] - given[ions], cell)
        numbers = {"orbitals": order + 1} if self.request.cubes else {}
        return {"centres": near, "spreads": spreads[order], "ions": ions, **numbers}


def _is_energy(word: str, energy: float) -> bool:
    try:
        return abs(float(word) * ENERGY_UNITS["Hartree"] - energy) < _SAME_ENERGY
    except ValueError:
        return False


def _close(a: Array, b: Array | float) -> bool:
    return bool(np.all(np.abs(a - b) < _SAME))


def _stacked(frames: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    if not frames:
        return {}
    stacked = {name: np.array([frame[name] for frame in frames]) for name in frames[0]}
    if "ions" in stacked:
        # The same in every frame: the number of centres of each ion is known.
        stacked["ions"] = stacked["ions"][0]
    return stacked
