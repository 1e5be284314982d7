"""Claimed standard errors against the scatter of independent replicas."""

import numpy as np
import pytest

from aiida_superionic.analysis.observables.diffusion import self_diffusion
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.statistics import block_statistics, count_lags, event_frequency


def test_value_is_of_all_frames_and_error_of_the_blocks():
    x = np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 100.0])
    result = block_statistics(lambda start, stop: {"mean": x[start:stop].mean()}, 7, n_blocks=3)
    assert result.scalar("mean") == pytest.approx((x.mean(), np.std([2.0, 6.0, 10.0], ddof=1) / np.sqrt(3)))


def test_claimed_error_is_the_scatter_of_replicas():
    """AR(1) noise of 10 frames' memory, blocks of 200.

    Over R replicas the variance is known to sqrt(2/R) and the mean of the squared errors to sqrt(2/(4R)), which five
    standard errors of their ratio take up; blocks of 20 memories understate the variance by 5 % more.
    """
    rng = np.random.default_rng(7)
    replicas, memory = 400, np.exp(-0.1)
    noise = rng.normal(size=(replicas, 1000))
    x = np.zeros_like(noise)
    x[:, 0] = noise[:, 0]
    for t in range(1, 1000):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    results = [block_statistics(lambda a, b, y=y: {"x": y[a:b].mean()}, 1000).scalar("x") for y in x]
    values, errors = np.array(results).T
    ratio = np.mean(errors**2) / np.var(values, ddof=1)
    tolerance = 5.0 * np.sqrt(2.0 / replicas + 0.5 / replicas)
    assert ratio == pytest.approx(0.95, abs=tolerance)


def test_claimed_error_of_a_diffusion_coefficient_is_the_scatter_of_replicas(brownian):
    """Same tolerance; the fit window is a tenth of a block, which keeps the blocks all but independent."""
    replicas = 200
    results = [
        self_diffusion(brownian(1000, 3, 0.5, 0.1, seed), 0.5, 2.0).scalar("diffusion_Ag") for seed in range(replicas)
    ]
    values, errors = np.array(results).T
    ratio = np.mean(errors**2) / np.var(values, ddof=1)
    assert ratio == pytest.approx(1.0, abs=5.0 * np.sqrt(2.5 / replicas))
    assert values.mean() == pytest.approx(0.5, abs=5.0 * values.std(ddof=1) / np.sqrt(replicas))


def test_lags_longer_than_a_block_and_shorter_than_two_frames_are_refused(brownian):
    trajectory = brownian(101, 1, 0.5, 0.1, 0)
    assert count_lags(trajectory, 1.9, "longest_lag") == 20
    with pytest.raises(NotConverged, match=r"10 ps long where lags up to 2 ps in each of 5 blocks need 10\.5 ps"):
        count_lags(trajectory, 2.0, "longest_lag")
    with pytest.raises(ParameterError, match=r"longest_lag is 0\.1 ps where at least two frames, 0\.2 ps"):
        count_lags(trajectory, 0.1, "longest_lag")


def test_fewer_frames_than_blocks_give_no_error():
    with pytest.raises(NotConverged, match="4 frames cannot be cut into the 5 blocks"):
        block_statistics(lambda start, stop: {"n": stop - start}, 4)


def test_a_frequency_of_events_and_its_error_are_counts_of_blocks():
    """Ten steps in five blocks of 0, 1, 0, 3 and 1 events of two bodies; an event on a border belongs to one block."""
    scalar = event_frequency(np.array([3, 6, 6, 7, 8]), 10, 0.5, 2)
    assert scalar.value == pytest.approx(1e3 * 5 / (10 * 0.5 * 2))
    per_block = 1e3 * np.array([0.0, 1.0, 0.0, 3.0, 1.0]) / (2 * 0.5 * 2)
    assert scalar.error == pytest.approx(per_block.std(ddof=1) / np.sqrt(5))
    none = event_frequency(np.array([], dtype=np.intp), 10, 0.5, 2)
    assert (none.value, none.upper_bound) == (None, pytest.approx(1e3 * 3.0 / 10.0))
