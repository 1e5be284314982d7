"""Ions that hop between the sites of every reference crystal, a known number of times."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.host_ions import find_host_ions
from aiida_superionic.analysis.observables.density_profile import density_profile
from aiida_superionic.analysis.observables.jumps import jumps, occupancy
from aiida_superionic.analysis.periodic import nearest_images
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.trajectory import Trajectory, one_frame
from aiida_superionic.structures import materials
from aiida_superionic.structures.mobile_sites import with_every_site
from aiida_superionic.structures.supercell import make_supercell

CELLS = {"fcc-Na2B10H10": (2, 1, 1), "tetragonal-Na11Sn2PS12": (1, 1, 1), "alpha-Li3PS4": (1, 1, 1)}
N_FRAMES, TIMESTEP = 60, 0.1
PER_CELL = {  # where the refinement's positions are as many as its sites
    "alpha-AgI": 12,
    "alpha-Li3PS4": 24,  # sixteen of its positions are 0.42 Å from one another, two and two
    "fcc-Na2B10H10": 36,
    "tetragonal-Na11Sn2PS12": 96,
    "Li10GeP2S12": 28,
}


def crystal(name):
    material, repeats = materials()[name], CELLS.get(name, (2, 2, 2))
    atoms = make_supercell(material, repeats, seed=3)
    return material, atoms, with_every_site(material, repeats, atoms)


def given(sites, mobile):
    """Return the parameters that say where the sites are."""
    fractional, is_mobile = sites.get_scaled_positions(wrap=False), np.isin(sites.get_chemical_symbols(), mobile)
    return {"sites": tuple(fractional[is_mobile].ravel()), "lattice": tuple(fractional[~is_mobile].ravel())}


def hopping(material, atoms, sites, rng, drift=(1.1, -0.9, 0.7)):
    """Return ions that go to a random one of the three next sites, and how often they did.

    Polyanions turn at random, atoms are images anywhere, and the whole crystal stands elsewhere.
    """
    cell = np.asarray(atoms.cell)
    symbols = np.array(atoms.get_chemical_symbols())
    ions = np.flatnonzero(np.isin(symbols, material.mobile))
    places = sites.positions[np.isin(sites.get_chemical_symbols(), material.mobile)]
    neighbours = nearest_images(places, places, cell, 4)[1][:, 1:]
    state = rng.permutation(len(places))[: len(ions)]
    positions = np.repeat(atoms.positions[None], N_FRAMES, axis=0)
    for group in find_host_ions(one_frame(atoms, material.mobile)).values():
        body = atoms.positions[group.atoms] + group.images
        centre = np.einsum("n,inx->ix", group.weights, body)[:, None]
        turns = Rotation.random(N_FRAMES * len(body), rng=rng).as_matrix().reshape(N_FRAMES, len(body), 3, 3)
        positions[:, group.atoms] = centre + np.einsum("tixy,iny->tinx", turns, body - centre)
    n_hops = 0
    for frame in positions:
        frame[ions] = places[state]
        goes = (rng.random(len(ions)) < 0.1) & (neighbours[state, 0] != state)
        n_hops += int(goes.sum())
        state = np.where(goes, neighbours[state, rng.integers(3, size=len(ions))], state)
    n_hops -= int(goes.sum())  # after the last frame
    positions += rng.integers(-1, 2, size=(len(atoms), 3)) @ cell + np.array(drift)
    positions += 0.05 * rng.normal(size=positions.shape)
    return (
        Trajectory(tuple(symbols), positions, cell, TIMESTEP, atoms.get_masses(), mobile=material.mobile),
        n_hops,
        len(ions),
    )


@pytest.mark.parametrize("name", materials())
def test_hops_between_the_sites_of_every_crystal_are_counted(name, rng):
    material, atoms, sites = crystal(name)
    trajectory, n_hops, n_ions = hopping(material, atoms, sites, rng)
    assert n_hops > 50
    told = given(sites, material.mobile)
    found = jumps(trajectory, dwell=0.0, **told).scalars
    [kind] = material.mobile
    cells = int(np.prod(CELLS.get(name, (2, 2, 2))))
    if name in PER_CELL:
        assert found["sites"].value == PER_CELL[name] * cells
    observed = found[f"jump_frequency_{kind}"].value * 1e-3 * n_ions * (N_FRAMES - 1) * TIMESTEP
    assert observed == pytest.approx(n_hops, rel=1e-9)
    assert occupancy(trajectory, **told).scalars[f"occupancy_{kind}"].value == n_ions / found["sites"].value


@pytest.mark.parametrize("name", materials())
def test_the_crystal_itself_has_every_ion_in_a_site_of_its_own(name):
    material, atoms, sites = crystal(name)
    still = one_frame(atoms, material.mobile)
    still = replace(still, positions=np.repeat(still.positions, 5, axis=0))
    told = given(sites, material.mobile)
    curve = occupancy(still, **told).curves[f"occupancy_{material.mobile[0]}"]
    assert set(curve.y.tolist()) <= {0.0, 1.0}


def test_densities_are_where_the_crystal_has_them():
    """Of two runs that drifted apart, the peaks lie upon each other; without the crystal they do not."""
    material, atoms, sites = crystal("gamma-Na4P2S6")
    told = given(sites, material.mobile)["lattice"]
    runs = [
        hopping(material, atoms, sites, np.random.default_rng(1), drift)[0]
        for drift in ((0.0, 0.0, 0.0), (1.1, -0.9, 0.7))
    ]
    aligned, adrift = (
        [density_profile(run, lattice=lattice).curves["density_profile_a_Na"].y for run in runs]
        for lattice in (told, ())
    )
    # 128 ions at 50 mÅ about planes of sites: the mean shift of the host is found to some mÅ.
    assert np.abs(np.cumsum(aligned[0] - aligned[1])).max() < 0.02 * aligned[0].sum()
    assert np.abs(np.cumsum(adrift[0] - adrift[1])).max() > 0.1 * adrift[0].sum()


def test_sites_that_are_not_known_are_asked_for(rng):
    material, atoms, sites = crystal("gamma-Na3PO4")
    trajectory, *_ = hopping(material, atoms, sites, rng)
    told = given(sites, material.mobile)
    with pytest.raises(ParameterError, match="not known in a host lattice of P, O: give sites, or as neighbour"):
        jumps(trajectory)
    with pytest.raises(ParameterError, match="lattice has 477 coordinates where three for each of 160 host atoms"):
        jumps(trajectory, **told | {"lattice": told["lattice"][:-3]})
    with pytest.raises(ParameterError, match="lattice says where the sites are that are given, and none are"):
        jumps(trajectory, lattice=told["lattice"])
    with pytest.raises(ParameterError, match="both neighbour and sites are given"):
        jumps(trajectory, neighbour="P", **told)
