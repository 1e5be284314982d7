"""Numbers as people read them, and the edges of rounding."""

import re

import numpy as np
import pytest

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.report.formatting import (
    heading,
    measurement,
    percent,
    plain,
    species_label,
    split_species,
    typeset,
    unit_label,
    with_subscripts,
)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (3.1234e-12, 1.5e-13, "(3.12 ± 0.15)e-12"),
        (9.96e-13, 1.5e-14, "(9.96 ± 0.15)e-13"),
        (9.996e-13, 1.5e-14, "(1.000 ± 0.015)e-12"),  # the value carries into the next power of ten
        (9.96e-13, 9.96e-14, "(1.00 ± 0.10)e-12"),  # both carry
        (2.0e-13, 3.1e-12, "(0.2 ± 3.1)e-12"),  # the error is the larger
        (0.0, 3.1e-12, "(0.0 ± 3.1)e-12"),
        (-1e-14, 1e-12, "(0.0 ± 1.0)e-12"),
        (-4.2e-6, 1e-7, "(-4.20 ± 0.10)e-06"),
        (-117.04, 9.96, "-117 ± 10"),
        (117.04, 9.94, "117.0 ± 9.9"),
        (949.6, 23.4, "950 ± 23"),
        (12345.0, 1234.0, "12300 ± 1200"),
        (123456.0, 1234.0, "(1.235 ± 0.012)e+05"),
        (0.0123, 0.0099, "0.0123 ± 0.0099"),
        (2.5, 0.0, "2.5 ± 0"),
        (1.0, 1e-300, "1 ± 0"),  # less than the rounding of the value itself
        (3.3e-12, None, "3.3e-12"),
        (3.123456e-12, None, "3.123e-12"),
        (0.0, None, "0"),
        (950.0, None, "950"),
    ],
)
def test_value_is_rounded_where_its_error_is(value: float, error: float | None, text: str) -> None:
    assert measurement(Scalar(value, error, "kg/s")) == text


def test_what_is_not_a_number_says_so() -> None:
    assert measurement(None) == "—"
    assert measurement(Scalar(None, None, "fs")) == "not converged"


@pytest.mark.parametrize(("bound", "text"), [(1.01e-8, "< 1.1e-08"), (9.91e-9, "< 1.0e-08"), (0.0234, "< 0.024")])
def test_upper_bound_is_rounded_up(bound: float, text: str) -> None:
    assert measurement(Scalar(None, None, "cm^2/s", upper_bound=bound)) == text


def test_text_reads_back_as_the_number_within_its_last_digit() -> None:
    rng = np.random.default_rng(3)
    for magnitude, ratio, sign in zip(
        rng.uniform(-30, 30, 500), rng.uniform(-4, 2, 500), rng.choice([-1, 1], 500), strict=True
    ):
        value = sign * 10**magnitude
        error = abs(value) * 10**ratio
        found = re.fullmatch(r"\(?(-?[\d.]+) ± ([\d.]+)\)?(e[+-]\d+)?", measurement(Scalar(value, error, "1")))
        assert found is not None
        power = float("1" + (found[3] or "e0"))
        # Two significant digits are right to 5 % of the error, in the error and in the value.
        assert float(found[2]) * power == pytest.approx(error, rel=0.0501)
        assert abs(float(found[1]) * power - value) <= 0.0501 * error
        assert len(found[2].replace(".", "").lstrip("0").rstrip()) >= 2


def test_typeset_uses_real_signs() -> None:
    assert typeset("(-3.12 ± 0.15)e-12") == "(−3.12 ± 0.15) × 10⁻¹²"
    assert typeset("< 1.1e-08") == "< 1.1 × 10⁻⁸"
    assert typeset("950 ± 23") == "950 ± 23"
    assert typeset("not converged") == "not converged"


def test_percent_has_a_sign_unless_it_is_zero() -> None:
    assert [percent(x) for x in (-6.4, 12.5, -0.2, 0.0)] == ["−6 %", "+12 %", "0 %", "0 %"]


def test_species_are_the_trailing_capitalised_words() -> None:
    assert split_species("radial_distribution_Ag_I") == ("radial_distribution", ("Ag", "I"))
    assert split_species("temperature") == ("temperature", ())
    assert heading("diffusion_coefficient_Ag") == "Diffusion coefficient (Ag)"
    assert heading("radial_distribution_Ag_I") == "Radial distribution (Ag–I)"


def test_units_have_superscripts() -> None:
    assert [unit_label(unit) for unit in ("cm^2/s", "cm^-1", "kg/s^2", "1")] == ["cm²/s", "cm⁻¹", "kg/s²", ""]


def test_specifications_read_like_text() -> None:
    assert plain([3, 3, 3]) == "3 × 3 × 3"
    assert plain({"protocol": "fast", "production": 100.0}) == "protocol: fast, production: 100"
    assert plain({"diffusion": {}, "friction": {"longest_lag": 2.0}}) == "diffusion, friction: longest_lag: 2"


def test_names_and_formulae_are_written_as_papers_do() -> None:
    assert heading("conductivity_nernst_einstein") == "Conductivity by Nernst–Einstein"
    assert species_label(("Li", "P2S6")) == "Li–P₂S₆"
    assert with_subscripts("angle in B10H10, 5 of 8 at T2, G_2") == "angle in B₁₀H₁₀, 5 of 8 at T₂, G_2"
    assert (unit_label("degree"), unit_label("degree/fs"), unit_label("1/degree")) == ("°", "°/fs", "1/°")
