"""Means over replicas that each resolve little: unbiased, with honest errors and bounds."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_superionic.analysis.observables.conductivity import conductivity
from aiida_superionic.analysis.replicas import mean_over_replicas
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.analysis.statistics import event_frequency
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.units import BOLTZMANN, CONDUCTIVITY_IN_MS_PER_CM

NAME = "conductivity_nernst_einstein"


def measured(value, error):
    """Return what one run says of a number that it estimates with a Gaussian error."""
    if value > 2.0 * error:
        return Scalar(value, error, "1")
    return Scalar(None, error, "1", upper_bound=max(value, 0.0) + 2.0 * error, estimate=value)


def studies(mean, n_studies=2000, n_replicas=9, seed=4):
    """Yield means over replicas that estimate a mean with a standard deviation of one."""
    rng = np.random.default_rng(seed)
    for values in rng.normal(mean, 1.0, (n_studies, n_replicas)):
        yield mean_over_replicas("x", [measured(float(value), 1.0) for value in values])


def test_replicas_below_their_resolution_leave_the_mean_unbiased():
    """Of a mean of 1.8 standard deviations more than half of the runs give a bound only, yet nine give 5.4 errors."""
    found = list(studies(1.8))
    values = np.array([scalar.value for scalar in found if scalar.value is not None])
    # The mean of nine is below two of its errors, by the scatter or the runs' own, where it is 3.4 off or, with
    # eight degrees of freedom, has a scatter 2.7 times too large: so few that 5 errors of the rest hold their bias.
    assert len(values) >= 0.995 * len(found)
    assert values.mean() == pytest.approx(1.8, abs=5.0 / np.sqrt(9 * len(values)))
    variance = np.mean([scalar.error**2 for scalar in found])
    # The mean over n studies of a variance with 8 degrees of freedom has the relative standard error sqrt(2/(8 n)).
    assert variance == pytest.approx(1.0 / 9.0, rel=5.0 * np.sqrt(2.0 / (8 * len(found))))


@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_a_bound_of_what_is_not_resolved_holds(mean):
    """It is passed by the estimate alone with a probability of 2.3 %; the scatter widens it further at times."""
    found = list(studies(mean))
    wrong = [scalar for scalar in found if scalar.value is None and scalar.upper_bound < mean]
    assert len(wrong) <= 0.0228 * len(found) + 5.0 * np.sqrt(0.0228 * len(found))
    unresolved = [scalar for scalar in found if scalar.value is None]
    assert len(unresolved) > 0.5 * len(found)
    # One run bounds it at two, nine at two thirds, and 0.0 < mean adds what it is and what its estimate scatters by.
    assert np.median([scalar.upper_bound for scalar in unresolved]) < 1.2


WINDOW = {"temperature": 300.0, "fit_start": 4.0, "fit_end": 8.0}


def walk(seed, n_ions=1, n_frames=405):
    """Return Brownian ions with D = 0.5 Å²/ps in a box of 10 Å; of one alone many runs resolve nothing."""
    steps = np.random.default_rng(seed).normal(scale=np.sqrt(2 * 0.5 * 0.1), size=(n_frames, n_ions, 3))
    return Trajectory(
        species=(*["Ag"] * n_ions, "I"),
        positions=np.concatenate((np.cumsum(steps, axis=0), np.zeros((n_frames, 1, 3))), axis=1),
        cell=np.eye(3) * 10.0,
        timestep=0.1,
        masses=np.array([1.0] * n_ions + [1e9]),
        mobile=("Ag",),
        formal_charges={"Ag": 1.0},
    )


def estimate(scalar):
    return scalar.estimate if scalar.value is None else scalar.value


def test_conductivity_of_walkers_that_single_runs_do_not_resolve():
    runs = [conductivity(walk(seed), **WINDOW).scalars[NAME] for seed in range(200)]
    exact = 0.5 * CONDUCTIVITY_IN_MS_PER_CM / (1e3 * BOLTZMANN * 300.0)
    assert 0.2 < np.mean([run.value is None for run in runs]) < 0.8
    mean = mean_over_replicas(NAME, runs)
    assert mean.error < 0.1 * exact
    assert mean.value == pytest.approx(exact, abs=5.0 * mean.error)
    # Without the runs that did not resolve it, the mean is that of the large ones.
    large = mean_over_replicas(NAME, [run for run in runs if run.value is not None])
    assert large.value > exact + 5.0 * mean.error


def test_mean_of_equal_runs_is_the_fit_to_their_pooled_displacements():
    """Two runs side by side in one trajectory have the mean of their displacements, and twice the charges."""
    together = walk(1, n_ions=2)
    runs = [replace(together, positions=together.positions[:, [ion, 2]], **_one_ion()) for ion in range(2)]
    pooled = conductivity(together, **WINDOW).scalars[NAME]
    mean = mean_over_replicas(NAME, [conductivity(run, **WINDOW).scalars[NAME] for run in runs])
    assert 2.0 * estimate(mean) == pytest.approx(estimate(pooled), rel=1e-6)


def _one_ion():
    return {"species": ("Ag", "I"), "masses": np.array([1.0, 1e9])}


def test_runs_without_an_event_count_as_none():
    """Five runs of one body, with 10 events in 50 ps."""
    counts = (1, 4, 2, 0, 3)
    runs = [event_frequency(np.arange(n) * 20, 100, 0.1, 1) for n in counts]
    assert runs[3].value is None
    mean = mean_over_replicas("jump_frequency_Ag", runs)
    assert mean.value == pytest.approx(1e3 * 10 / 50.0)
    assert mean.error == pytest.approx(1e2 * np.std(counts, ddof=1) / np.sqrt(5))


def test_runs_without_any_event_bound_it_closer_than_one():
    run = event_frequency(np.array([], dtype=np.intp), 100, 0.1, 1)
    four = mean_over_replicas("jump_frequency_Ag", [run] * 4)
    assert four.value is None
    # Three events in all are excluded, so that a bound of this and no less is right.
    assert run.upper_bound * 3.0 / 12.0 <= four.upper_bound < run.upper_bound


def test_a_bound_without_an_estimate_bounds_the_mean():
    bounded = Scalar(None, None, "1", upper_bound=3.0)
    assert mean_over_replicas("x", [bounded, measured(7.0, 0.1)]) == Scalar(None, None, "1", upper_bound=7.0)
    assert mean_over_replicas("x", [bounded, measured(1.0, 0.1)]) == Scalar(None, None, "1", upper_bound=3.0)


def test_a_mean_of_means_is_no_worse():
    """Bounded means keep their estimate, so that what is bounded can be averaged again."""
    low = mean_over_replicas("x", [measured(0.1, 1.0), measured(0.3, 1.0)])
    assert low.value is None
    assert low.estimate == pytest.approx(0.2)


def test_scatter_beyond_the_runs_own_errors_leaves_a_bound():
    """Of -2, 1 and 3 with errors of 0.1 the mean 2/3 has an error of 1.45."""
    mean = mean_over_replicas("x", [measured(value, 0.1) for value in (-2.0, 1.0, 3.0)])
    assert (mean.value, mean.estimate) == (None, pytest.approx(2.0 / 3.0))
    assert mean.upper_bound == pytest.approx(2.0 / 3.0 + 2.0 * np.std([-2.0, 1.0, 3.0], ddof=1) / np.sqrt(3))
