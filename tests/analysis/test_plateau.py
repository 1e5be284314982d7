"""Curves with known plateaus under noise whose blocks are independent."""

import numpy as np
import pytest

from aiida_superionic.analysis.plateau import find_plateau
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.statistics import block_statistics


def estimate_of(curve, noise, rng, n_blocks=5):
    """Return curve and blocks with a random walk added, as the integral of noise has."""
    walks = np.cumsum(rng.normal(scale=noise, size=(n_blocks, len(curve))), axis=1)
    parts = iter(walks)
    whole = walks.mean(axis=0)
    return block_statistics(
        lambda start, stop: {"y": curve + (whole if stop - start == n_blocks else next(parts))}, n_blocks
    )


def test_the_plateau_begins_behind_the_rise(rng):
    t = np.arange(400)
    plateau = find_plateau(estimate_of(10.0 * (1 - np.exp(-t / 10.0)), 0.01, rng), "y")
    assert 30 <= plateau.start <= 200
    assert plateau.value == pytest.approx(10.0, abs=5.0 * plateau.error)
    assert plateau.error < 0.5


def test_claimed_error_covers_the_scatter_over_replicas(rng):
    """Student's t with four degrees of freedom has 2.8 errors for 95 %; of 200, 190 ± 5 × 3.1 lie within."""
    t = np.arange(200)
    found = [find_plateau(estimate_of(10.0 * (1 - np.exp(-t / 8.0)), 0.03, rng), "y") for _ in range(200)]
    within = sum(abs(plateau.value - 10.0) < 2.8 * plateau.error for plateau in found)
    assert within >= 190 - 5 * 3.1


def test_the_choice_of_the_window_adds_to_the_error(rng):
    """A slow rest of the rise within the noise of the blocks: the windows' means differ by more than it."""
    t = np.arange(400)
    noisy = estimate_of(10.0 + t / 400.0, 0.05, rng)
    plateau = find_plateau(noisy, "y")
    blocks = noisy.derived(lambda q: q["y"][plateau.start : plateau.stop].mean())[1]
    assert plateau.error > blocks


@pytest.mark.parametrize(
    ("curve", "noise"),
    [(np.arange(1.0, 401.0), 0.01), (np.exp(np.arange(400) / 100.0), 0.001), (np.full(400, 0.01), 1.0)],
    ids=["line", "exponential", "noise alone"],
)
def test_what_rises_all_along_and_what_cannot_be_told_is_no_plateau(curve, noise, rng):
    with pytest.raises(NotConverged, match="over its second half"):
        find_plateau(estimate_of(curve, noise, rng), "y")
