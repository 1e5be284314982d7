"""A made-up study that looks like α-AgI: Ornstein–Uhlenbeck silver, Gaussian shells, exponential memory."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from matplotlib.figure import Figure

from aiida_superionic.analysis.results import Curve
from aiida_superionic.campaigns.results import PointResult
from aiida_superionic.report import figures as page_figures

VERSIONS = {
    "LAMMPS": "22 Jul 2025 - Update 4",
    "aiida-superionic": "0.1.0",
    "aiida-core": "2.9.0",
    "potential": "6f1b2c56-3c8e-4a53-9f0e-0a5b0d7c1e11",
}


def _uuid(rng: np.random.Generator) -> str:
    return str(UUID(bytes=rng.bytes(16), version=4))


def _noisy(rng: np.random.Generator, y: np.ndarray, scale: float) -> np.ndarray:
    """Return y with noise that is smooth over some twenty points, as real correlation functions have."""
    kernel = np.hanning(21)
    noise = np.convolve(rng.normal(size=len(y) + 20), kernel / np.sqrt((kernel**2).sum()), mode="valid")
    return y + scale * noise


def _curves(rng: np.random.Generator, temperature: float) -> dict[str, Curve]:
    time, short = np.linspace(0.0, 10.0, 401), np.linspace(0.0, 2.0, 401)
    r = np.arange(0.025, 7.6, 0.05)
    omega = np.linspace(0.0, 12.0, 301)
    speed = temperature / 750

    def shells(positions: list[float], width: float) -> np.ndarray:
        peaks = sum(2.2 * np.exp(-0.5 * ((r - x) / width) ** 2) / (1 + 0.4 * i) for i, x in enumerate(positions))
        return (1 - np.exp(-((r / positions[0]) ** 12))) * (0.55 + 0.45 * np.tanh(r - positions[0])) + peaks

    def curve(x: np.ndarray, y: np.ndarray, scale: float, *labels: str) -> Curve:
        return Curve(x, _noisy(rng, y, scale), *labels)

    g = ("r", "Å", "g(r)", "1")
    gamma = 3.2e-12 / speed * (1 - np.exp(-short / 0.12) * np.cos(4 * short))
    return {
        "radial_distribution_Ag_Ag": curve(r, shells([3.4, 5.2], 0.7) * 0.8, 0.02, *g),
        "radial_distribution_Ag_I": curve(r, shells([2.8, 4.9], 0.25), 0.02, *g),
        "radial_distribution_I_I": curve(r, shells([4.5, 6.6], 0.4), 0.02, *g),
        "mean_squared_displacement_Ag": curve(
            time, 2 * speed * (time + 0.8 * (1 - np.exp(-time))), 0.15, "t", "ps", "MSD", "Å^2"
        ),
        "mean_squared_displacement_I": curve(time, 0.9 * (1 - np.exp(-time / 0.2)), 0.01, "t", "ps", "MSD", "Å^2"),
        "velocity_autocorrelation_Ag": curve(
            short, np.exp(-short / 0.1) * np.cos(9 * short), 0.004, "t", "ps", "C_v(t)", "1"
        ),
        "velocity_autocorrelation_I": curve(
            short, np.exp(-short / 0.2) * np.cos(14 * short), 0.004, "t", "ps", "C_v(t)", "1"
        ),
        "vibrational_density_of_states_Ag": curve(
            omega, 0.5 * np.exp(-omega / 1.5), 0.005, "frequency", "THz", "VDOS", "1/THz"
        ),
        "vibrational_density_of_states_I": curve(
            omega, 0.4 * np.exp(-0.5 * ((omega - 2.2) / 0.9) ** 2), 0.005, "frequency", "THz", "VDOS", "1/THz"
        ),
        "cage_residence_Ag": curve(time, np.exp(-((time / 0.7) ** 0.8) * speed), 0.004, "t", "ps", "C_R(t)", "1"),
        "force_correlation_Ag": curve(
            short, np.exp(-short / 0.08) * np.cos(11 * short), 0.005, "t", "ps", "C_F(t)", "1"
        ),
        "force_spectrum_Ag": curve(
            omega, omega**2 * np.exp(-omega / 1.1) / 3, 0.01, "frequency", "THz", "C_F(ω)", "fs"
        ),
        "memory_kernel_Ag": curve(short, 26 * np.exp(-short / 0.12), 0.2, "t", "ps", "Γ(t)", "kg/s^2"),
        "friction_integral_Ag": curve(short, gamma, 2e-14, "t", "ps", "G(t)", "kg/s"),
    }


def _scalar(value: float, error: float, unit: str) -> dict[str, Any]:
    return {"value": value, "error": error, "unit": unit, "upper_bound": None}


@pytest.fixture
def make_point() -> Callable[..., PointResult]:
    return build_point


def build_point(seed: int, temperature: float = 750.0, state: str = "finished", **changes: Any) -> PointResult:
    """Return one point of the study; whatever is named in `changes` replaces its field."""
    rng = np.random.default_rng([seed, int(temperature)])
    scale = temperature / 750

    def around(value: float, unit: str) -> dict[str, Any]:
        return _scalar(value * (1 + 0.05 * rng.normal()), 0.06 * value, unit)

    fields: dict[str, Any] = {
        "label": f"alpha-AgI 3x3x3 · vashishta-rahman · {temperature:g} K · UC · seed {seed}",
        "specification": {
            "version": 1,
            "material": "alpha-AgI",
            "supercell": [3, 3, 3],
            "potential": "vashishta-rahman",
            "temperature": temperature,
            "constraint": "UC",
            "seed": seed,
            "md": {"protocol": "balanced", "production": 100.0},
            "observables": {"diffusion": {}, "friction": {"longest_lag": 2.0}, "cage_residence": {}},
        },
        "uuid": _uuid(rng),
        "pk": 100 + 37 * seed,
        "state": state,
        "message": "",
        "observables": {
            "diffusion_coefficient_Ag": around(3.2e-5 * scale, "cm^2/s"),
            "friction_coefficient_Ag": around(3.15e-12 / scale, "kg/s"),
            "memory_time_Ag": around(122.0, "fs"),
            "cage_residence_time_Ag": around(860.0 / scale, "fs"),
            "cage_cutoff_Ag": _scalar(3.75, 0.02, "Å"),
            "friction_from_diffusion_Ag": around(3.2e-12 / scale, "kg/s"),
            "temperature": _scalar(temperature + 4 * rng.normal(), 1.4, "K"),
        },
        "curves": _curves(rng, temperature),
        "provenance": VERSIONS | {"trajectory": _uuid(rng), "analysis": _uuid(rng)},
    }
    if state != "finished":
        fields |= {"observables": {}, "curves": {}, "provenance": {}}
    if state == "missing":
        fields |= {"uuid": None, "pk": None}
    return PointResult(**(fields | changes))


@pytest.fixture(scope="session")
def study() -> list[PointResult]:
    """Four replicas at 750 K."""
    return [build_point(seed) for seed in range(1, 5)]


@pytest.fixture(scope="session")
def scan() -> list[PointResult]:
    """Three temperatures, one failed and one missing point."""
    points = [build_point(seed, temperature) for temperature in (600.0, 675.0, 750.0) for seed in (1, 2, 3)]
    points[4] = build_point(2, 675.0, "failed", message="the host lattice has melted")
    points[8] = build_point(3, 750.0, "missing")
    return points


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Keep each figure that is drawn, by its name."""
    drawn: dict[str, Figure] = {}
    write = page_figures.svg

    def keep(figure: Figure, name: str) -> str:
        drawn[name] = figure
        return write(figure, name)

    monkeypatch.setattr(page_figures, "svg", keep)
    return drawn
