"""The ladder of explorations, and the seeds of what is random in it."""

import pytest
from pydantic import ValidationError

from aiida_superionic.learning.exploration import Exploration, Rung, derived_seed
from aiida_superionic.learning.settings import LearnSettings


def test_the_ladder_is_the_published_curriculum():
    exploration = Exploration(structures=("cell", "supercell"), temperatures=(600.0,), mobile=("Ag",))
    steps = [1500, 3000, 6000, 10_000]
    assert list(exploration.rungs) == [Rung(name, n) for name in ("cell", "supercell") for n in steps]


def test_each_temperature_has_as_many_walkers_as_replicas():
    exploration = Exploration(structures=("cell",), temperatures=(600.0, 300.0), replicas=2, mobile=("Ag",))
    assert exploration.walkers == {
        "walker_000": 600.0,
        "walker_001": 600.0,
        "walker_002": 300.0,
        "walker_003": 300.0,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": [3000, 1500]}, "each must be more than the one before it"),
        ({"steps": [1505]}, "1505 steps are not a whole number of 10 steps"),
        ({"structures": ["cell", "cell"]}, "a structure is named twice"),
        ({"temperatures": []}, "at least 1 item"),
        ({"mobile": ["Xx"]}, "Xx"),
    ],
)
def test_what_no_exploration_is_is_refused(changes, message):
    given = {"structures": ["cell"], "temperatures": [600.0], "mobile": ["Ag"], **changes}
    with pytest.raises(ValidationError, match=message):
        Exploration.model_validate(given)


def test_segments_end_with_a_frame():
    exploration = {"structures": ["cell"], "temperatures": [600.0], "mobile": ["Ag"], "sampling_steps": 20}
    with pytest.raises(ValidationError, match="1010 steps are not a whole number of 20 steps"):
        LearnSettings.model_validate(
            {"exploration": exploration, "learning": {"mode": "on_the_fly", "segment_steps": 1010}}
        )


def test_the_published_trust_levels_are_the_default():
    exploration = {"structures": ["cell"], "temperatures": [600.0], "mobile": ["Ag"]}
    learning = LearnSettings.model_validate({"exploration": exploration, "learning": {"mode": "committee"}}).learning
    assert (learning.size, learning.trust.lower, learning.trust.upper) == (4, 0.11, 0.26)
    assert learning.convergence.accurate_share == 0.995


def test_seeds_follow_from_a_seed_and_differ():
    seeds = {derived_seed(seed, kind, k) for seed in (1, 2) for kind in (0, 1) for k in range(500)}
    assert len(seeds) == 2000
    assert all(1 <= seed <= 900_000_000 for seed in seeds)
    # What was written down does not change between versions.
    assert derived_seed(1, 0, 1) == 601_029_260
