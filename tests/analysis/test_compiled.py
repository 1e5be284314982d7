"""What is compiled runs where its compiled form can be kept, and where it cannot."""

import numba
import pytest

from aiida_superionic.analysis import compiled


@pytest.mark.parametrize("writable", [True, False])
def test_a_folder_that_holds_no_cache_costs_time_and_nothing_else(monkeypatch, writable):
    asked = []

    def njit(cache=False, **options):
        asked.append(cache)
        if cache and not writable:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(cache=cache, **options)

    monkeypatch.setattr(compiled, "njit", njit)

    def twice(x):
        return 2.0 * x

    assert compiled.compiled(twice)(1.5) == 3.0
    assert asked == ([True] if writable else [True, False])
