"""What the laws of physics do not know, no observable may: the origin, the frame, names of like atoms, the cell."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.observables.radial_distribution import pair_distribution, radial_distribution
from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.trajectory import Trajectory

A, REACH = 5.0, 3.3  # Å
OPTIONS = {
    "cage_residence": {"cutoff": 3.0, "longest_lag": 0.4},
    "conductivity": {"temperature": 300.0, "fit_start": 0.1, "fit_end": 0.4},
    "coordination": {"cutoff": 3.0},
    "diffusion": {"fit_start": 0.1, "fit_end": 0.4},
    "force_correlation": {"longest_lag": 0.4},
    "hop_events": {"cutoff": 3.0},
    "host_lattice": {"limit": 10.0},
    "jumps": {},
    "radial_distribution": {"r_max": REACH, "bin_width": 0.3},
    "temperature": {},
    "van_hove": {"times": (0.2, 0.4), "r_max": REACH, "bin_width": 0.3},
    "vibrations": {"longest_lag": 0.4},
}
SEEDS = (1, 2, 3)


@cache
def crystal(seed):
    """Return silver ions that walk through trembling body-centred cubic iodide; no lattice vector is along x."""
    rng = np.random.default_rng(seed)
    cells = np.array(list(product(range(2), repeat=3)))
    hosts = (cells[:, None] + [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]).reshape(-1, 3) * A
    walks = rng.uniform(0.0, 2.0 * A, size=(12, 3)) + np.cumsum(0.2 * rng.normal(size=(75, 12, 3)), axis=0)
    positions = np.concatenate(
        (walks, np.broadcast_to(hosts, (75, 16, 3)) + 0.1 * rng.normal(size=(75, 16, 3))), axis=1
    )
    turn = Rotation.random(rng=rng).as_matrix()
    masses = np.array([107.9] * 12 + [126.9] * 16)
    forces = rng.normal(size=positions.shape)
    return Trajectory(
        ("Ag",) * 12 + ("I",) * 16,
        positions @ turn,
        2.0 * A * turn,
        0.05,
        masses,
        velocities=rng.normal(size=positions.shape),
        forces=forces - forces.mean(axis=1, keepdims=True),
        mobile=("Ag",),
        formal_charges={"Ag": 1.0, "I": -0.75},
    )


def of(trajectory, function, **changes):
    """Return a trajectory whose vectors are changed alike, and other fields as told."""
    fields = ("positions", "velocities", "forces")
    return replace(trajectory, **{name: function(getattr(trajectory, name)) for name in fields}, **changes)


def translated(trajectory, rng):
    """Return it elsewhere, each atom in an image of its own."""
    images = rng.integers(-3, 4, size=(1, len(trajectory.species), 3)) @ trajectory.cell
    return replace(trajectory, positions=trajectory.positions + images + rng.normal(scale=30.0, size=3))


def rotated(trajectory, rng):
    turn = Rotation.random(rng=rng).as_matrix()
    return of(trajectory, lambda vectors: vectors @ turn, cell=trajectory.cell @ turn)


def renamed(trajectory, rng):
    order = rng.permutation(len(trajectory.species))
    species = tuple(trajectory.species[i] for i in order)
    return of(trajectory, lambda vectors: vectors[:, order], species=species, masses=trajectory.masses[order])


def sheared(trajectory, rng):
    """Return it in another cell of the same lattice; half its width is 3.5 Å at least."""
    unimodular = np.eye(3)
    row, column = rng.permutation(3)[:2]
    unimodular[row, column] = rng.choice([-1.0, 1.0])
    return replace(trajectory, cell=unimodular @ trajectory.cell)


def doubled(trajectory, rng):
    axis = rng.integers(3)
    cell = trajectory.cell * (1.0 + (np.arange(3) == axis))[:, None]
    species, masses = trajectory.species * 2, np.tile(trajectory.masses, 2)
    twice = of(trajectory, lambda v: np.concatenate((v, v), axis=1), species=species, masses=masses, cell=cell)
    twice.positions[:, len(trajectory.species) :] += trajectory.cell[axis]
    return twice


CHANGES = {change.__name__: change for change in (translated, rotated, renamed, sheared, doubled)}


def numbers(trajectory, name):
    """Return all that an observable says, what depends on the number of atoms by its definition put per atom."""
    result = observables()[name].function(trajectory, **OPTIONS[name])
    found = {}
    for label, scalar in result.scalars.items():
        found[label] = [np.nan if x is None else x for x in (scalar.value, scalar.error, scalar.upper_bound)]
    for label, curve in result.curves.items():
        found[label] = curve.y
    for label, surface in result.surfaces.items():
        found[label] = surface.z
    n = {kind: len(trajectory.atoms_of(kind)) for kind in trajectory.kinds}
    for kind in trajectory.kinds:
        for label in (f"radial_distribution_{kind}_{kind}", f"van_hove_distinct_{kind}_{kind}"):
            if label in found:
                found[label] = found[label] * (n[kind] - 1) / n[kind]
    if name == "temperature":
        found = {label: np.multiply(x, 1.0 - 1.0 / len(trajectory.species)) for label, x in found.items()}
    if name == "diffusion":
        found["diffusion_error_closed_form_Ag"][0] *= np.sqrt(n["Ag"])
    if name == "hop_events":
        found["hop_neighbours_Ag"][1] = np.nan  # an error that counts hops
    found.pop("sites", None)
    return found


@cache
def expected(seed, name):
    return numbers(crystal(seed), name)


# What moves together in two copies carries twice the current per ion: the conductivity alone feels the supercell.
CASES = [(name, change) for name in OPTIONS for change in CHANGES if (name, change) != ("conductivity", "doubled")]


@pytest.mark.parametrize(("name", "change"), CASES)
@settings(max_examples=4, deadline=None)
@given(seed=st.sampled_from(SEEDS), random=st.integers(0, 2**32 - 1))
def test_nothing_depends_on_where_and_how_the_crystal_is_described(name, change, seed, random):
    found = numbers(CHANGES[change](crystal(seed), np.random.default_rng(random)), name)
    assert found.keys() == expected(seed, name).keys()
    for label, value in found.items():
        scale = np.nanmax(np.abs(expected(seed, name)[label]), initial=1e-12)
        np.testing.assert_allclose(value, expected(seed, name)[label], rtol=1e-7, atol=1e-7 * scale, err_msg=label)


def test_the_crystal_has_something_of_everything():
    """What is empty is invariant."""
    for name, label in (
        ("hop_events", "hop_frequency_Ag"),
        ("jumps", "jump_frequency_Ag"),
        ("conductivity", "conductivity"),
    ):
        assert all(not np.isnan(expected(seed, name)[label][0]) for seed in SEEDS), label
    for name in OPTIONS:
        assert any(np.nanmax(np.abs(value), initial=0.0) > 0.0 for value in expected(1, name).values()), name


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_silver=st.integers(2, 7), n_iodide=st.integers(2, 7))
def test_partial_distributions_sum_to_the_total(seed, n_silver, n_iodide):
    """Weighed by their shares of all pairs."""
    rng = np.random.default_rng(seed)
    n = n_silver + n_iodide
    cell = np.array([[9.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 8.0]])
    positions = rng.random((20, n, 3)) @ cell
    trajectory = Trajectory(("Ag",) * n_silver + ("I",) * n_iodide, positions, cell, 0.1, np.ones(n), mobile=("Ag",))
    options = {"r_max": 3.5, "bin_width": 0.25}
    curves = radial_distribution(trajectory, **options).curves
    alike = replace(trajectory, species=("I",) * n, mobile=())
    _, total = pair_distribution(alike, "I", "I", max_frames=20, **options)
    pairs = {"Ag_Ag": n_silver * (n_silver - 1), "Ag_I": 2 * n_silver * n_iodide, "I_I": n_iodide * (n_iodide - 1)}
    mixed = sum(weight * curves[f"radial_distribution_{name}"].y for name, weight in pairs.items()) / (n * (n - 1))
    assert mixed.any()
    np.testing.assert_allclose(mixed, total.value["g"], rtol=1e-12)
