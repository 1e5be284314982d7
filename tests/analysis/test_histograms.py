"""Every frame is counted once, and the sums are the same."""

import numpy as np
import pytest

from aiida_superionic.analysis.histograms import counted_once
from aiida_superionic.analysis.statistics import block_statistics


@pytest.mark.parametrize("n_frames", [5, 6, 23, 100])
def test_the_whole_is_the_sum_of_its_blocks_and_of_what_is_left(rng, n_frames):
    data = rng.integers(0, 9, size=(n_frames, 4)).astype(float)
    seen = np.zeros(n_frames, dtype=int)

    def count(start, stop):
        seen[start:stop] += 1
        return data[start:stop].sum(axis=0)

    counted = counted_once(count, n_frames)
    estimate = block_statistics(lambda start, stop: {"mean": counted(start, stop) / (stop - start)}, n_frames)
    direct = block_statistics(lambda start, stop: {"mean": data[start:stop].mean(axis=0)}, n_frames)
    np.testing.assert_array_equal(seen, 1)
    np.testing.assert_allclose(estimate.value["mean"], direct.value["mean"], rtol=1e-14)
    np.testing.assert_allclose(estimate.error["mean"], direct.error["mean"], rtol=1e-14)
    np.testing.assert_array_equal(counted(0, n_frames // 5), data[: n_frames // 5].sum(axis=0))
