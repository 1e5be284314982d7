"""Learned Wannier centres beside the ions of a trajectory: what observables of electrons read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aiida_superionic.analysis.readers.part import Part, collect
from aiida_superionic.analysis.trajectory import CENTRE, Trajectory
from aiida_superionic.learning.electrons import ElectronModel, Prediction
from aiida_superionic.units import DIPOLE_IN_DEBYE

_IONS_AT_ONCE = 2000


@dataclass
class PredictedErrors:
    """What is said of the errors of dipoles, frame by frame.

    Parameters
    ----------
    squares, largest, unlike, ions
        By species, over all ions in all frames: the sum and the largest of the squares of the errors of the dipole's
        components in Å², how many are :attr:`Prediction.unlike` all that is known, and how many there are.
    """

    squares: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    unlike: dict[str, int] = field(default_factory=dict)
    ions: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, prediction: Prediction) -> None:
        """Count what is predicted of some frames."""
        squares = prediction.errors[1] ** 2
        self.squares[kind] = self.squares.get(kind, 0.0) + float(squares.sum())
        self.largest[kind] = max(self.largest.get(kind, 0.0), float(squares.max()))
        self.unlike[kind] = self.unlike.get(kind, 0) + int(prediction.unlike.sum())
        self.ions[kind] = self.ions.get(kind, 0) + prediction.unlike.size

    @property
    def report(self) -> dict[str, dict[str, Any]]:
        """By species the predicted root mean square ``dipole_error`` of all, and the ``largest`` of an ion, in D.

        They are lengths of vectors, as those of :func:`aiida_superionic.learning.electron_errors.errors_of_electrons`.
        ``unlike`` is the share of ions whose surroundings are unlike all that is known.
        """
        # Two electrons in each centre, three components.
        length = 2.0 * math.sqrt(3.0) * DIPOLE_IN_DEBYE
        return {
            kind: {
                "dipole_error": length * float(np.sqrt(self.squares[kind] / self.ions[kind])),
                "largest": length * float(np.sqrt(self.largest[kind])),
                "unlike": self.unlike[kind] / self.ions[kind],
            }
            for kind in self.ions
        }


def with_learned_centres(trajectory: Trajectory, model: ElectronModel) -> tuple[Trajectory, PredictedErrors]:
    """Return the ions of a trajectory with the centres that a model gives them, and what it says of its errors.

    Parameters
    ----------
    trajectory
        Any; centres that it holds are left out.
    model
        Of its species.

    Returns
    -------
    tuple
        Positions of the ions and then of their centres, species ``X``, without velocities and forces, in memory or in a
        temporary file; and the errors.

    Raises
    ------
    ParameterError
        If the trajectory holds a species that the model does not know.
    TrajectoryError
        If there is no room for a temporary file.
    """
    ions = trajectory.ions
    names = [trajectory.species[i] for i in ions]
    n_centres = sum(model.centres_per_ion.get(kind, 0) for kind in names)
    species = (*names, *[CENTRE] * n_centres)
    errors = PredictedErrors()

    def batches() -> Iterator[Part]:
        size = max(1, _IONS_AT_ONCE // len(ions))
        for start in range(0, trajectory.n_frames, size):
            some = trajectory.frames(start, min(start + size, trajectory.n_frames))
            rows = [some.positions[:, ions]]
            for kind, prediction in model.predict(some).items():
                errors.add(kind, prediction)
                centres = some.positions[:, some.atoms_of(kind)][:, :, np.newaxis] + prediction.bonds
                rows.append(centres.reshape(some.n_frames, -1, 3))
            steps = np.arange(start, start + some.n_frames)
            cells = np.broadcast_to(some.cell, (some.n_frames, 3, 3))
            yield Part(Path("centres"), species, steps, cells, np.concatenate(rows, axis=1), None, None)

    predicted = Trajectory(
        species=species,
        positions=collect(Path("centres"), batches()).positions,
        cell=trajectory.cell,
        timestep=trajectory.timestep,
        masses=np.concatenate((trajectory.masses[ions], np.zeros(n_centres))),
        mobile=trajectory.mobile,
        formal_charges=trajectory.formal_charges,
    )
    return predicted, errors
