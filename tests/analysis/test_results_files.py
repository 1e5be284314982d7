"""Curves and surfaces as files."""

import json

import numpy as np

from aiida_superionic.analysis import results_files
from aiida_superionic.analysis.results import Result, Surface


def test_surfaces_lie_among_the_curves_and_those_with_undefined_numbers_are_left_out(tmp_path):
    axes = ("r", "Å", "θ", "°", "g", "1")
    x, y = np.arange(3.0), np.arange(2.0)
    z = np.arange(6.0).reshape(3, 2)
    bad = np.where(z == 4.0, np.inf, z)
    result = Result(surfaces={"map": Surface(x, y, z, *axes, z / 2), "bare": Surface(x, y, z, *axes)})
    damaged = Result(surfaces={"b": Surface(x, y, bad, *axes), "c": Surface(x, y, z, *axes, bad)})
    cleaned, undefined = results_files.without_undefined_numbers(damaged)
    assert (cleaned.surfaces, undefined) == ({}, ["b", "c"])
    results_files.write_results(tmp_path, {"n_frames": 3}, {"some": result}, {}, {}, {})
    labels = json.loads((tmp_path / "results.json").read_text())["curves"]
    expected = dict(zip(("x_label", "x_unit", "y_label", "y_unit", "z_label", "z_unit"), axes, strict=True))
    assert labels == {"map": expected, "bare": expected}
    arrays = np.load(tmp_path / "curves.npz")
    assert set(arrays.files) == {f"map__{key}" for key in ("x", "y", "z", "error")} | {f"bare__{key}" for key in "xyz"}
    np.testing.assert_array_equal(arrays["map__z"], z)
    np.testing.assert_array_equal(arrays["map__error"], z / 2)
