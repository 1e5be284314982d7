"""A linear potential from a dataset: coefficients, a committee, and an error for every force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiida_superionic.datasets import Dataset, DatasetError, Frame
from aiida_superionic.learning.descriptors import VOIGT, describe, describe_stress
from aiida_superionic.learning.force_error import ForceError, calibrate
from aiida_superionic.learning.regression import Observations, Posterior, regress
from aiida_superionic.potentials.pod import Pod, PodBasis

Array = NDArray[np.float64]


class FitSettings(PodBasis):
    """The descriptors, and what is learned of the frames beside their energies and forces."""

    learn_stress: bool = Field(default=True, description="Of the frames that have one; without it pressures are worse")

    @property
    def basis(self) -> PodBasis:
        """The descriptors alone."""
        return PodBasis.model_validate(self.model_dump(exclude={"learn_stress"}))


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a potential says of one frame.

    Parameters
    ----------
    energy
        In eV.
    forces
        In eV/Å, shape (N, 3).
    deviations
        Of the components of each atom's force by the posterior alone, their root mean square in eV/Å, shape (N,). A
        component's own would depend on how the frame is turned.
    """

    energy: float
    forces: Array
    deviations: Array


@dataclass(frozen=True, eq=False)
class LinearModel:
    """All that is known of the coefficients of a potential.

    Parameters
    ----------
    basis
        Its descriptors.
    posterior
        Of the coefficients but for the atoms' own energies.
    own_energies
        Energy of an atom of each species in eV where all other coefficients are zero, and what a unit of each of them
        takes from it, shape (S, 1 + K).
    level_of_theory
        What labelled the frames.
    typical_deviation
        Of the posterior where it learned, in eV/Å: the mean over its frames of the largest on an atom.
    """

    basis: PodBasis
    posterior: Posterior
    own_energies: Array
    level_of_theory: str
    typical_deviation: float

    @cached_property
    def potential(self) -> Pod:
        """The potential with the mean of the coefficients."""
        return self._potential(self.posterior.mean, "mean of the posterior")

    def committee(self, size: int, seed: int) -> tuple[Pod, ...]:
        """Return potentials that are drawn from the posterior; the same seed gives the same ones."""
        drawn = self.posterior.draw(size, seed)
        return tuple(
            self._potential(weights, f"draw {number} of seed {seed} from the posterior")
            for number, weights in enumerate(drawn)
        )

    def predict(self, rows: Array) -> Prediction:
        """Return what the potential says of a frame with some descriptors, shape (1 + 3 N, K)."""
        values = rows @ np.array(self.potential.coefficients)
        return Prediction(
            energy=float(values[0]),
            forces=values[1:].reshape(-1, 3),
            deviations=_deviations(self.posterior, rows, self.basis.one_body),
        )

    def _potential(self, weights: Array, what: str) -> Pod:
        coefficients = np.zeros(self.basis.n_coefficients)
        own = self.basis.one_body
        coefficients[np.setdiff1d(np.arange(len(coefficients)), own)] = weights
        coefficients[own] = self.own_energies[:, 0] - self.own_energies[:, 1:] @ weights
        return Pod(
            description=f"linear in proper orthogonal descriptors, {what}",
            source=f"learned from frames labelled with {self.level_of_theory}",
            basis=self.basis,
            coefficients=tuple(coefficients.tolist()),
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """What was learned from a dataset.

    Parameters
    ----------
    model
        The potential.
    error
        Of its forces.
    predictions
        Of each frame of the dataset.
    """

    model: LinearModel
    error: ForceError
    predictions: tuple[Prediction, ...]

    def labelled(self, frames: Sequence[Frame]) -> tuple[Frame, ...]:
        """Return the frames of the dataset with the energies and forces that are predicted."""
        return tuple(
            replace(frame.unlabelled, energy=one.energy, forces=one.forces)
            for frame, one in zip(frames, self.predictions, strict=True)
        )

    @cached_property
    def force_errors(self) -> tuple[Array, ...]:
        """The predicted errors of the components of the force on each atom of each frame in eV/Å, shape (N,)."""
        return tuple(self.error.of(one.deviations) for one in self.predictions)


def fit_pod(dataset: Dataset, basis: PodBasis, lammps: Path, folder: Path, *, learn_stress: bool = True) -> Fit:
    """Learn a linear potential from the frames ``train`` of a dataset, and its error from those of ``validation``.

    Parameters
    ----------
    dataset
        Labelled, and divided into subsets.
    basis
        The descriptors. Its species are those of the dataset.
    lammps
        LAMMPS' executable, which computes them.
    folder
        That is made, for what is large.
    learn_stress
        Whether to learn the stress too, of the frames that have one.

    Raises
    ------
    DatasetError
        If the dataset is not labelled, lacks a subset, or has other species than the basis.
    aiida_superionic.learning.regression.RegressionError
        If nothing can be learned from the frames.
    aiida_superionic.learning.descriptors.DescriptorError
        If LAMMPS does not compute the descriptors.
    """
    if dataset.level_of_theory is None:
        raise DatasetError("the frames have no energies and forces to learn from")
    if set(dataset.species) != set(basis.species):
        raise DatasetError(
            f"the dataset holds {', '.join(dataset.species)} and the basis is of {', '.join(basis.species)}"
        )
    train, validation = dataset.subset("train"), dataset.subset("validation")
    described = describe(dataset.frames, basis, lammps, folder)
    learned_from = [rows for rows, frame in zip(described, dataset.frames, strict=True) if frame.subset == "train"]
    of_stress = _of_stress(train.frames, basis, lammps, folder / "stress") if learn_stress else []
    posterior, own_energies = _learn(train.frames, learned_from, of_stress, basis.one_body)
    typical = float(np.mean([np.max(_deviations(posterior, rows, basis.one_body)) for rows in learned_from]))
    model = LinearModel(basis, posterior, own_energies, dataset.level_of_theory, typical)
    predictions = tuple(model.predict(rows) for rows in described)
    held_out = [one for one, frame in zip(predictions, dataset.frames, strict=True) if frame.subset == "validation"]
    mistakes = [one.forces - frame.labels[1] for one, frame in zip(held_out, validation.frames, strict=True)]
    deviations = [np.broadcast_to(one.deviations[:, np.newaxis], one.forces.shape) for one in held_out]
    return Fit(model, calibrate(np.concatenate(mistakes), np.concatenate(deviations)), predictions)


def _of_stress(frames: Sequence[Frame], basis: PodBasis, lammps: Path, folder: Path) -> list[tuple[Array, Array]]:
    """Return rows and numbers of the stress of the frames that have one."""
    known = [(frame, frame.stress) for frame in frames if frame.stress is not None]
    described = describe_stress([frame for frame, _ in known], basis, lammps, folder)
    return [
        (_without(rows, basis.one_body), np.array([stress[component] for component in VOIGT]))
        for rows, (_, stress) in zip(described, known, strict=True)
    ]


def _learn(
    frames: Sequence[Frame],
    described: Sequence[Array],
    of_stress: Sequence[tuple[Array, Array]],
    own: NDArray[np.intp],
) -> tuple[Posterior, Array]:
    """Return the posterior of the coefficients but for the atoms' own energies, and these."""
    sizes = np.array([len(frame.species) for frame in frames])
    counts = np.array([rows[0, own] for rows in described]) / sizes[:, np.newaxis]
    rows = np.array([_without(rows[0], own) for rows in described]) / sizes[:, np.newaxis]
    energies = np.array([frame.labels[0] for frame in frames]) / sizes
    forces = ((_without(rows[1:], own), frame.labels[1].ravel()) for frame, rows in zip(frames, described, strict=True))
    # What atoms of a composition have in common is no interaction, and may be large: it is left out, not penalised.
    kinds = [Observations.beside_offsets(rows, energies, counts), Observations.of(forces)]
    if of_stress:
        kinds.append(Observations.of(of_stress))
    posterior = regress(kinds)
    return posterior, np.linalg.pinv(counts) @ np.column_stack((energies, rows))


def _deviations(posterior: Posterior, rows: Array, own: NDArray[np.intp]) -> Array:
    """Return the deviation of the force on each atom of a frame by the posterior alone, shape (N,)."""
    variances = posterior.variances(_without(rows[1:], own)).reshape(-1, 3)
    deviations: Array = np.sqrt(np.mean(variances, axis=1))
    return deviations


def _without(rows: Array, own: NDArray[np.intp]) -> Array:
    others: Array = np.delete(rows, own, axis=-1)
    return others
