"""The study of LiBH4 that `make demo-borohydride` runs."""

import runpy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm

from aiida_superionic.cli.errors import UserError

DEMO = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "borohydride.py"))


def test_without_cp2k_it_says_how_to_install_it_before_anything_runs(aiida_profile_clean):
    with pytest.raises(UserError, match=r"cp2k@superionic-local .*apt-get install cp2k"):
        DEMO["main"]()


def test_displaced_crystals_are_squeezed_in_turn(aiida_profile_clean):
    frames = DEMO["displaced_crystals"]().dataset.frames
    assert len(frames) == DEMO["CRYSTALS"]
    assert {tuple(sorted(Counter(frame.species).items())) for frame in frames} == {(("B", 8), ("H", 32), ("Li", 8))}
    whole = abs(np.linalg.det(DEMO["crystal"](1).cell))
    volumes = [abs(np.linalg.det(frame.cell)) / whole for frame in frames]
    expected = [DEMO["SQUEEZED"][seed % 3] ** 3 for seed in range(1, len(frames) + 1)]
    np.testing.assert_allclose(volumes, expected, rtol=1e-6)


def test_the_table_tells_bounds_from_numbers():
    def run(turns, bound):
        observables = {
            "temperature": {"value": 450.0, "error": 3.0, "unit": "K"},
            "reorientation_frequency_BH4": {"value": turns, "error": None, "unit": "1/ns", "upper_bound": bound},
            "diffusion_coefficient_Li": {"value": None, "error": 1e-6, "unit": "cm^2/s", "upper_bound": 1.2e-5},
        }
        curves = orm.ArrayData()
        axes = {"x_label": "time", "x_unit": "ps", "y_label": "it", "y_unit": "1"}
        names = ("rotor_correlation_BH4", "mean_squared_displacement_Li", "mean_squared_displacement_B")
        for name in names:
            for key, values in (("x", [0.0, 2.0]), ("y", [1.0, 0.25]), ("error", [0.0, 0.05])):
                curves.set_array(f"{name}__{key}", np.array(values))
        curves.base.attributes.set("axes", dict.fromkeys(names, axes))
        return SimpleNamespace(outputs=SimpleNamespace(observables=orm.Dict(observables), curves=curves))

    table = DEMO["mode_table"]({"UC": run(41.0, None), "RC": run(None, 3.0)})
    columns = [list(column.cells) for column in table.columns]
    assert [column.header for column in table.columns] == ["", "UC", "RC"]
    assert columns[1] == ["450.0 ± 3.0", "41", "0.250 ± 0.050", "< 1.2e-05", "0.250 ± 0.050", "0.250 ± 0.050"]
    assert columns[2][1] == "< 3.0"
