"""What all figures share: strokes that every eye tells apart, and labels with units."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from aiida_superionic.report.figures import (
    MOST_LINES,
    PALETTE,
    and_others,
    axis_text,
    chosen,
    panels,
    strokes,
    thinned,
    with_unit,
)

# Of linear RGB: what is left of it without one kind of cone (Machado, Oliveira and Fernandes, 2009, severity 1).
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    v = XYZ @ np.clip(rgb, 0.0, 1.0) / XYZ.sum(axis=1)
    x, y, z = np.where(v > 0.008856, np.cbrt(v), 7.787 * v + 16.0 / 116.0)
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


@pytest.mark.parametrize("n", range(1, MOST_LINES + 1))
@pytest.mark.parametrize("ordered", [True, False])
def test_every_stroke_stands_out_from_white(n: int, ordered: bool) -> None:
    """A contrast of 3:1, as the Web Content Accessibility Guidelines 2.1 ask of graphics."""
    for stroke in strokes(n, ordered=ordered):
        assert 1.05 / (XYZ[1] @ linear(stroke.colour) + 0.05) >= 3.0, stroke.colour


@pytest.mark.parametrize("vision", VISION)
def test_every_kind_of_colour_vision_tells_the_palette_apart(vision: str) -> None:
    """A difference of 2 in CIELAB is just noticeable side by side; lines lie apart."""
    for one, other in combinations(PALETTE, 2):
        seen = [lab(np.array(VISION[vision]) @ linear(colour)) for colour in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 12.0, (one, other)


@pytest.mark.parametrize("vision", VISION)
def test_steps_of_one_quantity_grow_lighter(vision: str) -> None:
    lightness = [lab(np.array(VISION[vision]) @ linear(stroke.colour))[0] for stroke in strokes(6, ordered=True)]
    assert np.all(np.diff(lightness) > 0.0)


def test_strokes_differ_without_colour() -> None:
    assert len({str(stroke.dashes) for stroke in strokes(len(PALETTE))}) == len(PALETTE)


def test_those_chosen_of_many_are_spread_over_all() -> None:
    assert chosen(3, 8) == [0, 1, 2]
    assert chosen(50, 8) == [0, 7, 14, 21, 28, 35, 42, 49]
    assert and_others(3, 3, "panels") == ""


def test_short_curve_keeps_every_point() -> None:
    x = np.arange(600.0)
    np.testing.assert_array_equal(x[thinned(x, x, logarithmic=False)], x)
    many = np.arange(5000.0)
    assert len(many[thinned(many, many, logarithmic=False)]) <= 602


def test_a_long_curve_keeps_its_extremes_and_on_a_logarithmic_axis_its_start() -> None:
    x = np.arange(20_000.0)
    y = np.random.default_rng(1).normal(size=len(x))
    for logarithmic in (False, True):
        kept = np.arange(len(x))[thinned(x, y, logarithmic=logarithmic)]
        assert {0, y.argmin(), y.argmax(), len(x) - 1} <= set(kept)
        assert len(kept) <= 602
    # Each of the first points is a stretch of its own there: a curve does not begin at the seventh.
    assert set(range(1, 50)) <= set(kept)


def test_labels_have_units_and_formulae_as_papers_write_them() -> None:
    assert axis_text(with_unit("angle in PS4", "degree")) == "angle in PS₄ (°)"
    assert axis_text(with_unit("4πr² G_s of Ag", "1/Å^3")) == r"4πr² G$_{\mathrm{s}}$ of Ag (1/Å³)"
    assert with_unit("g(r)", "1") == "g(r)"


def test_no_line_of_a_label_is_a_unit_alone() -> None:
    lines = axis_text(with_unit("conductivity by Nernst–Einstein times the T", "K mS/cm")).split("\n")
    assert lines == ["conductivity by Nernst–Einstein times the", "T (K mS/cm)"]


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (6, 3), (7, 2)])
def test_panels_fill_their_rows(n: int, columns: int) -> None:
    figure, axes = panels(n)
    assert len(figure.axes) == len(axes) == n
    assert axes[0].get_gridspec().ncols == columns
