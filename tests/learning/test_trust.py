"""Trust levels, the choice among candidates, convergence and the trigger: decided by hand here."""

import numpy as np
import pytest
from pydantic import ValidationError

from aiida_superionic.datasets import Frame
from aiida_superionic.datasets.selection import farthest_point
from aiida_superionic.learning.trust import Choice, Convergence, Trigger, TrustLevels, committee_deviations


def test_the_deviation_of_a_committee_is_that_of_dp_gen():
    # Two members that differ by 2d on one atom: each is d from their mean.
    forces = np.zeros((2, 3, 3))
    forces[1, 1] = [0.6, 0.0, 0.8]
    assert committee_deviations(forces) == pytest.approx([0.0, 0.5, 0.0])
    # Members with independent errors of a component σ: the mean square is 3 σ² (M − 1)/M.
    drawn = np.random.default_rng(3).normal(scale=0.1, size=(4, 20_000, 3))
    mean_square = np.mean(committee_deviations(drawn) ** 2)
    # A sum of 9 squared normals for each of 20 000 atoms: 5 standard errors are 5 sqrt(2/9/20 000).
    assert mean_square == pytest.approx(3 * 0.01 * 3 / 4, rel=5 * np.sqrt(2 / 9 / 20_000))


def test_the_deviation_does_not_depend_on_what_all_members_share(rng):
    forces, shared = rng.normal(size=(3, 5, 3)), rng.normal(size=(5, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert committee_deviations(forces + shared) == pytest.approx(committee_deviations(forces))
    assert committee_deviations(forces @ turn) == pytest.approx(committee_deviations(forces))


def test_frames_are_sorted_at_the_levels():
    levels = TrustLevels()
    frames = levels.sort(np.array([0.0, 0.11, 0.1099, 0.26, 0.2599, np.nan, np.inf]))
    assert frames.accurate.tolist() == [0, 2]
    assert frames.candidates.tolist() == [1, 4]
    assert frames.failed.tolist() == [3, 5, 6]
    assert frames.accurate_share == pytest.approx(2 / 7)
    with pytest.raises(ValidationError, match=r"upper trust level, 0\.05 eV/Å, is not above"):
        TrustLevels(upper=0.05)


@pytest.mark.parametrize(("accurate", "reached"), [(199, True), (198, False)])
def test_a_rung_is_known_from_its_share_of_accurate_frames_on(accurate, reached):
    deviations = np.where(np.arange(200) < accurate, 0.01, 0.2)
    # 199 of 200 are 99.5 %.
    assert Convergence().reached(TrustLevels().sort(deviations)) is reached


def test_the_choice_is_drawn_with_its_seed(rng):
    cell = 8.0 * np.eye(3)
    frames = [Frame(("Ag", "I"), rng.uniform(0, 8, (2, 3)), cell) for _ in range(30)]
    choice = Choice(n_frames=10)
    chosen = choice.choose(frames, seed=4)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 10
    assert choice.choose(frames, seed=4) == chosen != choice.choose(frames, seed=5)
    assert choice.choose(frames[:10], seed=4) == list(range(10))
    assert Choice(n_frames=3, method="farthest-point").choose(frames, seed=4) == sorted(farthest_point(frames, 3))
    # Each frame is as likely as another: of 2000 draws of 10 in 30, 5 standard errors of the binomial.
    counts = np.bincount(np.concatenate([choice.choose(frames, seed) for seed in range(2000)]), minlength=30)
    assert np.max(np.abs(counts - 2000 / 3)) < 5 * np.sqrt(2000 * (1 / 3) * (2 / 3))


def test_the_trigger_takes_the_first_frame_that_is_unlike_what_was_learned():
    trigger = Trigger(threshold=2.0)
    assert trigger.first(np.array([3.0, 1.0, 2.5, 1.9, 4.0])) == 0
    assert trigger.first(np.array([3.0, 1.0, 2.5, 1.9, 4.0]), begin=1) == 2
    assert trigger.first(np.array([3.0, 1.0, 2.0, 1.9, 4.0]), begin=1) == 2
    assert trigger.first(np.array([1.0, np.nan, 4.0])) == 1
    assert trigger.first(np.array([3.0, 1.0, 1.9]), begin=1) is None
