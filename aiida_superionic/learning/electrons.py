"""Where the electrons of ions are, learned from Wannier centres: linear in descriptors that turn with the crystal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory, TrajectoryError
from aiida_superionic.analysis.wannier_centres import centre_bonds, centres_by_species
from aiida_superionic.datasets.division import proportional_sizes
from aiida_superionic.learning.centre_moments import centre_moments, centres_of_moments, degrees_of
from aiida_superionic.learning.environments import EnvironmentBasis, describe_environments
from aiida_superionic.learning.force_error import ForceError, calibrate
from aiida_superionic.learning.regression import Observations, Posterior, regress

Array = NDArray[np.float64]

_FEWEST_FRAMES = 10
_FRAMES_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class MomentModel:
    """One moment of the centres of one species.

    Parameters
    ----------
    posterior
        Of the weights of the descriptors.
    means
        Of the descriptors and of the moment, shape (K + 1,), which the weights are beside: zero but for the degree 0.
    error
        Of a component of the moment, in the unit of the moment.
    reach
        The largest deviation by the posterior alone where the error was calibrated.
    """

    posterior: Posterior
    means: Array
    error: ForceError
    reach: float

    def predict(self, descriptors: Array) -> tuple[Array, Array]:
        """Return moments (n, 2 l + 1), and their deviations by the posterior (n,), of descriptors (n, 2 l + 1, K)."""
        rows = descriptors - self.means[:-1]
        # A component's own deviation would depend on how the crystal is turned.
        deviations = np.sqrt(np.mean(self.posterior.variances(rows), axis=-1))
        return rows @ self.posterior.mean + self.means[-1], deviations


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is predicted of the ions of one species.

    Parameters
    ----------
    moments
        By degree, as :func:`aiida_superionic.learning.centre_moments.centre_moments` has them, shape
        (T, n, 2 degree + 1).
    errors
        Of a component of each moment, by degree, shape (T, n).
    unlike
        Whether an ion's surroundings are further from those that were learned from than any that the errors were
        calibrated by, shape (T, n): what is said of it is a guess.
    bonds
        From each ion to its centres in Å, shape (T, n, centres, 3).
    """

    moments: Mapping[int, Array]
    errors: Mapping[int, Array]
    unlike: NDArray[np.bool_]
    bonds: Array


@dataclass(frozen=True, eq=False)
class ElectronModel:
    """The Wannier centres of ions in any surroundings.

    Parameters
    ----------
    basis
        The descriptors.
    kinds
        The species of ions, in the order of the descriptors.
    centres_per_ion
        Of each species that has any.
    moments
        What was learned of each of these species, by degree.
    """

    basis: EnvironmentBasis
    kinds: tuple[str, ...]
    centres_per_ion: Mapping[str, int]
    moments: Mapping[str, Mapping[int, MomentModel]]

    def predict(self, trajectory: Trajectory) -> dict[str, Prediction]:
        """Return by species what is predicted of the ions of a trajectory, whatever centres it holds.

        Raises
        ------
        ParameterError
            If the trajectory holds a species that is not known.
        """
        unknown = [kind for kind in trajectory.kinds if kind not in self.kinds]
        if unknown:
            raise ParameterError(
                f"the trajectory holds {', '.join(unknown)} where the model knows {', '.join(self.kinds)}"
            )
        return {kind: self._predict(trajectory, kind) for kind in self.moments if kind in trajectory.kinds}

    def _predict(self, trajectory: Trajectory, kind: str) -> Prediction:
        models, n_centres = self.moments[kind], self.centres_per_ion[kind]
        described = _described(trajectory, kind, self.kinds, self.basis)
        frames = [{degree: model.predict(one[degree]) for degree, model in models.items()} for one in described]
        moments = {degree: np.array([one[degree][0] for one in frames]) for degree in models}
        deviations = {degree: np.array([one[degree][1] for one in frames]) for degree in models}
        errors = {degree: model.error.of(deviations[degree]) for degree, model in models.items()}
        unlike = np.any([deviations[degree] > model.reach for degree, model in models.items()], axis=0)
        bonds = centres_of_moments(
            {degree: moment.reshape(-1, moment.shape[-1]) for degree, moment in moments.items()},
            {degree: error.ravel() for degree, error in errors.items()},
            n_centres,
        )
        return Prediction(moments, errors, unlike, bonds.reshape(*unlike.shape, n_centres, 3))


def subsets_of(n_frames: int) -> dict[str, slice]:
    """Return the runs of frames, in this order, that are learned from, that calibrate errors, and that test both.

    Frames that follow each other are much alike: were subsets drawn at random, each test frame would have been seen.

    Raises
    ------
    TrajectoryError
        If there are too few.
    """
    if n_frames < _FEWEST_FRAMES:
        raise TrajectoryError(f"there are {n_frames} frames with centres where {_FEWEST_FRAMES} are the fewest")
    sizes = proportional_sizes(n_frames)
    stops = np.cumsum(list(sizes.values())).tolist()
    return {name: slice(stop - size, stop) for (name, size), stop in zip(sizes.items(), stops, strict=True)}


def bonds_by_species(trajectory: Trajectory) -> dict[str, Array]:
    """Return the vectors from ions to their centres in Å, shape (T, n, centres, 3), of each species that has centres.

    Raises
    ------
    TrajectoryError
        If there are no centres.
    ParameterError
        If a centre belongs to no ion, or ions of one species have different numbers of centres.
    """
    if not len(trajectory.centres):
        raise TrajectoryError("the trajectory holds no Wannier centres to learn from, that is no species X")
    owned = centres_by_species(trajectory)
    counts = {kind: indices.shape[1] // len(trajectory.atoms_of(kind)) for kind, indices in owned.items()}
    return {kind: centre_bonds(trajectory, kind, count) for kind, count in counts.items() if count}


def fit_electrons(trajectory: Trajectory, basis: EnvironmentBasis) -> ElectronModel:
    """Learn where the centres of ions are from a trajectory that holds both.

    Parameters
    ----------
    trajectory
        With centres as species ``X``; those of :func:`subsets_of` are its parts.
    basis
        The descriptors.

    Raises
    ------
    TrajectoryError
        If there are no centres, or too few frames.
    ParameterError
        If a centre belongs to no ion, or ions of one species have different numbers of centres.
    aiida_superionic.learning.regression.RegressionError
        If nothing can be learned from the centres.
    """
    bonds = bonds_by_species(trajectory)
    parts = subsets_of(trajectory.n_frames)
    train, validation = (trajectory.frames(parts[name].start, parts[name].stop) for name in ("train", "validation"))
    kinds = tuple(sorted(map(str, trajectory.kinds)))
    models = {}
    for kind, of_kind in bonds.items():
        degrees = degrees_of(of_kind.shape[2])
        true = {degree: centre_moments(of_kind, degree) for degree in degrees}
        learned = _regressions(
            _described(train, kind, kinds, basis), {degree: true[degree][parts["train"]] for degree in degrees}
        )
        described = list(_described(validation, kind, kinds, basis))
        models[kind] = {
            degree: _calibrated(*learned[degree], [one[degree] for one in described], true[degree][parts["validation"]])
            for degree in degrees
        }
    return ElectronModel(basis, kinds, {kind: of_kind.shape[2] for kind, of_kind in bonds.items()}, models)


def _described(
    trajectory: Trajectory, kind: str, kinds: Sequence[str], basis: EnvironmentBasis
) -> Iterator[dict[int, Array]]:
    """Yield the descriptors of the ions of one species, a frame at a time."""
    ions = trajectory.ions
    species = [trajectory.species[i] for i in ions]
    cells = np.broadcast_to(trajectory.cell, (trajectory.n_frames, 3, 3))
    for t in range(trajectory.n_frames):
        positions = trajectory.positions[t : t + 1, ions][0]
        yield describe_environments(positions, species, cells[t], kind, kinds, basis)


def _regressions(
    described: Iterator[dict[int, Array]], true: Mapping[int, Array]
) -> dict[int, tuple[Posterior, Array]]:
    """Return by degree the weights, and the means that they are beside, from frames and their moments."""
    seen: dict[int, list[Observations]] = {degree: [] for degree in true}
    for t, one in enumerate(described):
        for degree, moments in true.items():
            rows = one[degree].reshape(-1, one[degree].shape[-1])
            # What does not turn need not be zero where all descriptors are.
            rows = np.column_stack((np.ones(len(rows)), rows)) if degree == 0 else rows
            seen[degree].append(Observations.of([(rows, moments[t].ravel())]))
            if len(seen[degree]) >= _FRAMES_AT_ONCE:
                seen[degree] = [Observations.joined(seen[degree])]
    learned = {}
    for degree, parts in seen.items():
        observed = Observations.joined(parts)
        means = np.zeros(observed.triangle.shape[1])
        if degree == 0:
            observed, means = observed.about_mean
        learned[degree] = (regress((observed,)), means)
    return learned


def _calibrated(posterior: Posterior, means: Array, described: Sequence[Array], true: Array) -> MomentModel:
    """Return the model with the error under which what it says of frames that it did not see is most probable."""
    unknown = MomentModel(posterior, means, ForceError(floor=0.0, factor=1.0), np.inf)
    predicted = [unknown.predict(one) for one in described]
    deviations = np.array([deviation for _, deviation in predicted])
    mistakes = np.array([moment for moment, _ in predicted]) - true
    error = calibrate(mistakes, np.broadcast_to(deviations[..., np.newaxis], mistakes.shape))
    # Where all frames are alike, the posterior tells nothing of them; elsewhere it is all that tells.
    error = replace(error, factor=max(error.factor, 1.0))
    return MomentModel(posterior, means, error, float(np.max(deviations)))
