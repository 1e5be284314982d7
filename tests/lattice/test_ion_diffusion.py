"""Diffusion coefficients of walks whose coefficient is known, and of the model itself."""

import numpy as np
import pytest

from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.lattice.diffusion import diffusion_of
from aiida_superionic.lattice.ion_trajectory import IonTrajectory
from aiida_superionic.lattice.request import DiffusionRequest, ScanRequest
from aiida_superionic.lattice.run import run, run_diffusion
from aiida_superionic.units import BOLTZMANN


def walk(seed, d=2.0, cage=0.4, steps=20_000, ions=2, interval=0.05):
    """Brownian motion of a known coefficient in Å²/ps, seen through the rattling of a cage."""
    generator = np.random.default_rng(seed)
    jumps = generator.normal(0.0, np.sqrt(2.0 * d * interval), (steps, ions, 3))
    rattle = generator.normal(0.0, cage, jumps.shape)
    velocities = generator.normal(0.0, 3.0, jumps.shape)
    return IonTrajectory(interval * np.arange(1, steps + 1), np.cumsum(jumps, axis=0) + rattle, velocities)


def test_the_coefficient_of_a_known_walk_comes_back_with_its_error():
    found = [diffusion_of(walk(seed), "Li", 7.0, 12.0, 1.0).scalars["diffusion_coefficient_Li"] for seed in range(24)]
    values, errors = (np.array([getattr(s, key) for s in found]) for key in ("value", "error"))
    deviations = (values - 2e-4) / errors
    assert abs(np.mean(values) - 2e-4) < 4.0 * np.std(values, ddof=1) / np.sqrt(len(values))
    # χ² of 24 deviations: 0.1 % of the time outside.
    assert 8.0 < np.sum(deviations**2) < 52.0


def test_an_ion_that_only_rattles_has_a_bound():
    result = diffusion_of(walk(1, d=0.0), "Li", 7.0, 12.0, 1.0)
    scalar = result.scalars["diffusion_coefficient_Li"]
    assert scalar.value is None
    assert 0.0 < scalar.upper_bound < 1e-6
    assert result.curves["mean_squared_displacement_Li"].y[-1] == pytest.approx(6.0 * 0.4**2, rel=0.1)


def test_the_kinetic_temperature_is_that_of_the_velocities():
    from aiida_superionic.units import KINETIC_ENERGY

    runs = [diffusion_of(walk(seed), "Li", 7.0, 12.0, 1.0).scalars["temperature"] for seed in range(10)]
    values, errors = np.array([(scalar.value, scalar.error) for scalar in runs]).T
    spread = np.std(values, ddof=1)
    assert abs(np.mean(values) - 7.0 * KINETIC_ENERGY * 9.0 / BOLTZMANN) < 5.0 * spread / np.sqrt(10)
    assert 0.4 < np.sqrt(np.mean(errors**2)) / spread < 2.5


def test_a_run_too_short_is_named():
    with pytest.raises(NotConverged, match="fewer than 10 segments"):
        diffusion_of(walk(1, steps=1000), "Li", 7.0, 12.0, 1.0)
    with pytest.raises(NotConverged, match="fewer than three times"):
        diffusion_of(walk(1), "Li", 7.0, 12.0, 11.95)


@pytest.mark.slow
def test_the_full_equations_keep_an_ion_at_the_temperature_and_the_time_local_form_does_not(published):
    """Equipartition, where every degree of freedom is integrated; the noise of the time-local form reaches an ion's own
    frequency with less than its friction there, and leaves it colder."""
    asked = dict(published.request("yukawa-4eV")) | {"temperature": 580.0, "cells": (10, 10, 10), "ions": 2}
    kinds = ({"equations": "full"}, {"memory": 0.4}, {})
    hot, warm, cold = (
        run_diffusion(DiffusionRequest(**asked, **kind, production=400.0, equilibration=20.0, seed=3)).scalars[
            "temperature"
        ]
        for kind in kinds
    )
    assert abs(hot.value - 580.0) < 4.0 * hot.error + 0.03 * 580.0
    assert cold.value < 0.6 * 580.0
    assert 0.8 * 580.0 < warm.value < 1.05 * 580.0


def test_the_vertex_of_a_known_parabola_comes_back_and_a_straight_line_has_none():
    from aiida_superionic.lattice.run import _vertex

    x, error = np.linspace(-1.0, 2.0, 7), np.full(7, 0.02)
    noise = np.random.default_rng(1).normal(0.0, 0.02, (300, 7))
    found = np.array([_vertex(x, 0.3 - 0.4 * (x - 0.6) ** 2 + n, error) for n in noise])
    assert abs(found[:, 0].mean() - 0.6) < 4.0 * found[:, 0].std() / np.sqrt(300) + 1e-3
    assert found[:, 0].std() == pytest.approx(found[:, 1].mean(), rel=0.2)
    assert _vertex(x, 0.5 * x, error) is None
    assert _vertex(x, -0.4 * (x - 5.0) ** 2, error) is None


def test_a_scan_runs_each_crystal_as_a_run_of_its_own_would(published):
    asked = dict(published.request("yukawa-4eV")) | {"temperature": 700.0, "cells": (5, 5, 5), "ions": 4}
    asked |= {"production": 120.0, "seed": 4}
    scan = run(ScanRequest(**asked, stiffnesses=(0.8, 1.0), densities=(1.0, 2.0)))
    heavy = asked | {"crystal": published.crystal.model_copy(update={"density": 2.0, "stiffness": 0.8})}
    alone = run_diffusion(DiffusionRequest(**heavy)).scalars["diffusion_coefficient_ion"]
    curve = scan.curves["diffusion_by_stiffness_ion_density_2"]
    assert (curve.y[0], curve.error[0]) == (alone.value, alone.error)
    assert curve.x.tolist() == [0.8, 1.0]


def test_a_seed_repeats_a_run_and_equilibration_is_left_out(published):
    asked = dict(published.request("yukawa-4eV")) | {"temperature": 580.0, "cells": (5, 5, 5), "ions": 3}
    asked |= {"production": 60.0, "seed": 4}
    one, same = (run_diffusion(DiffusionRequest(**asked)) for _ in range(2))
    assert one.scalars == same.scalars
    other = run_diffusion(DiffusionRequest(**(asked | {"seed": 5})))
    assert one.scalars != other.scalars
    later = run_diffusion(DiffusionRequest(**(asked | {"equilibration": 12.0, "production": 48.0})))
    assert later.curves["path_ion_x"].y[0] == one.curves["path_ion_x"].y[240]
