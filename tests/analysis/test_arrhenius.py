"""Arrhenius lines with errors that are known, and what they claim."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_superionic.analysis.arrhenius import ArrheniusFit, fit_arrhenius, fit_meyer_neldel
from aiida_superionic.analysis.results import NotConverged

BOLTZMANN = 8.617333262e-5  # eV/K
TEMPERATURES = np.array([400.0, 500.0, 650.0, 900.0])


def line(temperatures, energy=0.3, prefactor=2e-3):
    return prefactor * np.exp(-energy / (BOLTZMANN * temperatures))


@given(energy=st.floats(0.01, 2.0), log=st.floats(-20.0, 5.0), weighted=st.booleans())
def test_exact_points_give_the_exact_line(energy, log, weighted):
    values = line(TEMPERATURES, energy, np.exp(log))
    fit = fit_arrhenius(TEMPERATURES, values, values * [0.1, 0.2, 0.05, 0.3] if weighted else None)
    assert fit.activation_energy == pytest.approx(energy, rel=1e-6)
    assert fit.log_prefactor == pytest.approx(log, abs=1e-5)
    np.testing.assert_allclose(fit.predict(TEMPERATURES)[0], values, rtol=1e-6)


@pytest.mark.parametrize("known", [True, False], ids=["errors", "no errors"])
def test_claimed_covariance_is_the_scatter_of_replicas(rng, known):
    """A variance over R replicas is known to sqrt(2/R); without errors it comes from two residuals only, on average."""
    relative = np.array([0.1, 0.05, 0.02, 0.08]) if known else np.full(4, 0.05)
    fits = []
    for _ in range(2000):
        values = line(TEMPERATURES) * np.exp(relative * rng.normal(size=4))
        fits.append(fit_arrhenius(TEMPERATURES, values, relative * values if known else None))
    scatter = np.cov([fit.log_prefactor for fit in fits], [fit.activation_energy for fit in fits])
    claimed = np.mean([fit.covariance for fit in fits], axis=0)
    np.testing.assert_allclose(claimed, scatter, rtol=5.0 * np.sqrt(2.0 / 2000 + (0.0 if known else 1.0 / 2000)))
    energies = np.array([fit.activation_energy for fit in fits])
    assert energies.mean() == pytest.approx(0.3, abs=5.0 * energies.std() / np.sqrt(2000))
    if known:
        # Two degrees of freedom.
        assert np.mean([fit.chi_square for fit in fits]) == pytest.approx(2.0, abs=5.0 * 2.0 / np.sqrt(2000))


def test_a_precise_point_weighs_more():
    values = line(TEMPERATURES)
    values[0] *= 2.0
    close = fit_arrhenius(TEMPERATURES, values, values * [10.0, 0.01, 0.01, 0.01])
    assert close.activation_energy == pytest.approx(0.3, abs=1e-4)
    assert abs(fit_arrhenius(TEMPERATURES, values).activation_energy - 0.3) > 0.02


def test_prefactor_and_prediction_have_the_error_of_a_logarithm():
    fit = ArrheniusFit(0.3, np.log(2e-3), np.array([[0.04, 0.001], [0.001, 1e-4]]), 1.0)
    assert fit.prefactor == pytest.approx(2e-3)
    assert fit.prefactor_interval == pytest.approx((2e-3 * np.exp(-0.2), 2e-3 * np.exp(0.2)))
    assert fit.activation_energy_error == pytest.approx(0.01)
    x = -1.0 / (BOLTZMANN * 500.0)
    value, error = fit.predict(500.0)
    assert value == pytest.approx(line(500.0))
    assert error == pytest.approx(np.sqrt(0.04 + 2 * x * 0.001 + x**2 * 1e-4))


def test_what_determines_no_line_is_refused():
    with pytest.raises(NotConverged, match="needs 3 temperatures at least, and 2 are there"):
        fit_arrhenius([300.0, 400.0, 400.0], [1.0, 2.0, 2.0])
    with pytest.raises(NotConverged, match="needs 2 temperatures at least, and 1 are there"):
        fit_arrhenius([300.0], [1.0], [0.1])
    with pytest.raises(ValueError, match="above zero"):
        fit_arrhenius([300.0, 400.0, 500.0], [1.0, 0.0, 2.0])
    with pytest.raises(ValueError, match=r"shapes \(3,\), \(2,\)"):
        fit_arrhenius([300.0, 400.0, 500.0], [1.0, 2.0])


def test_meyer_neldel_is_found_and_its_claimed_error_is_the_scatter(rng):
    """Prefactors that rise with the barrier by 1/(50 meV), seen through fits of four temperatures each."""
    energies = np.array([0.15, 0.25, 0.35, 0.5])
    found = []
    for _ in range(500):
        fits = []
        for energy in energies:
            values = line(TEMPERATURES, energy, np.exp(-8.0 + energy / 0.05)) * np.exp(0.05 * rng.normal(size=4))
            fits.append(fit_arrhenius(TEMPERATURES, values, 0.05 * values))
        found.append(fit_meyer_neldel(fits))
    slopes = np.array([1.0 / fit.energy for fit in found])
    claimed = np.mean([fit.covariance[1, 1] for fit in found])
    assert slopes.mean() == pytest.approx(20.0, abs=5.0 * slopes.std() / np.sqrt(500))
    assert claimed == pytest.approx(slopes.var(ddof=1), rel=5.0 * np.sqrt(2.0 / 500))
    assert np.mean([fit.energy_error for fit in found]) == pytest.approx(
        np.std([fit.energy for fit in found]), rel=5.0 / np.sqrt(1000)
    )


def test_meyer_neldel_of_two_is_refused():
    fit = fit_arrhenius(TEMPERATURES, line(TEMPERATURES), line(TEMPERATURES))
    with pytest.raises(NotConverged, match="three Arrhenius fits at least, and 2"):
        fit_meyer_neldel([fit, fit])
