"""Which ion a centre belongs to, in CP2K's own output and across boundaries."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_superionic.analysis.observables.dipoles import dipole_moments
from aiida_superionic.analysis.periodic import minimum_image
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.analysis.wannier_centres import anion_of, centre_bonds, with_centres_named
from aiida_superionic.units import DIPOLE_IN_DEBYE

FIXTURES = Path(__file__).parents[1] / "fixtures" / "cp2k"
REAL = {"agi32_dzvp_loc": (10.171, "Ag", 5), "agi4_xtb_loc": (5.0855, "Ag", 5), "lii8": (6.0, "Li", 1)}


def real(name):
    length, cation, _ = REAL[name]
    atoms = read(FIXTURES / f"{name}.wannier.xyz", format="xyz")
    species = tuple(atoms.get_chemical_symbols())
    return Trajectory(species, atoms.positions[None], np.eye(3) * length, 1.0, np.ones(len(species)), mobile=(cation,))


@pytest.mark.parametrize("name", REAL)
def test_centres_of_real_crystals(name):
    trajectory = real(name)
    assert anion_of(trajectory, None) == "I"
    bonds = centre_bonds(trajectory, "I", 4, REAL[name][2])
    assert bonds.shape == (1, trajectory.species.count("I"), 4, 3)
    lengths = np.linalg.norm(bonds, axis=-1)
    # The pairs of the iodide's outer shell lie 0.5 to 0.8 Å from the nucleus and point to the corners of a tetrahedron.
    assert np.all((lengths > 0.5) & (lengths < 0.8))
    unit = bonds / lengths[..., None]
    cosines = np.einsum("tnix,tnjx->tnij", unit, unit)[..., ~np.eye(4, dtype=bool)]
    assert cosines.mean() == pytest.approx(-1.0 / 3.0, abs=0.02)
    assert cosines.max() < 0.3
    moments = np.linalg.norm(dipole_moments(bonds), axis=-1) * DIPOLE_IN_DEBYE
    assert np.all(moments < 8.0)


@pytest.mark.parametrize("name", REAL)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_neither_the_origin_nor_the_order_nor_the_image_matters(name, seed):
    trajectory = real(name)
    rng = np.random.default_rng(seed)
    length = REAL[name][0]
    n_atoms = len(trajectory.species)
    ions = np.flatnonzero(np.asarray(trajectory.species) != "X")
    order = np.concatenate((ions, rng.permutation(np.setdiff1d(np.arange(n_atoms), ions))))
    moved = trajectory.positions + rng.uniform(0.0, length, 3) + length * rng.integers(-2, 3, size=(1, n_atoms, 3))
    other = replace(trajectory, species=tuple(trajectory.species[i] for i in order), positions=moved[:, order])
    one, two = (np.sort(np.linalg.norm(centre_bonds(t, "I", 4), axis=-1)) for t in (trajectory, other))
    np.testing.assert_allclose(one, two, atol=1e-9)
    np.testing.assert_allclose(
        dipole_moments(centre_bonds(trajectory, "I", 4)), dipole_moments(centre_bonds(other, "I", 4)), atol=1e-9
    )


def test_centres_are_named_after_their_ions_whatever_their_order(rng):
    one = real("agi32_dzvp_loc")
    shuffled = np.concatenate((one.ions, rng.permutation(one.centres)))
    two = replace(one, positions=np.concatenate((one.positions, one.positions[:, shuffled])))
    named, names = with_centres_named(two)
    assert names == {"I": "X of I", "Ag": "X of Ag"}
    assert named.species.count("X of I") == 64
    assert named.species.count("X of Ag") == 80
    for ion, centres, each in (("I", "X of I", 4), ("Ag", "X of Ag", 5)):
        ions = named.positions[:, named.atoms_of(ion)][:, :, None]
        bonds = named.positions[:, named.atoms_of(centres)].reshape(2, 16, each, 3) - ions
        assert np.all(np.linalg.norm(minimum_image(bonds, one.cell), axis=-1) < 1.0)
        lengths = np.sort(np.linalg.norm(minimum_image(bonds, one.cell), axis=-1), axis=-1)
        np.testing.assert_array_equal(lengths[0], lengths[1])


def test_a_count_that_changes_between_frames_is_refused():
    one = real("lii8")
    moved = one.positions.copy()
    lithium, iodide = one.atoms_of("Li")[0], one.atoms_of("I")[0]
    distances = np.linalg.norm(minimum_image(moved[0, one.centres] - moved[0, iodide], one.cell), axis=-1)
    moved[0, one.centres[distances < 1.0]] = moved[0, lithium]
    with pytest.raises(ParameterError, match="frame 1: 1 of 4 Li ions do not have 1 Wannier centres"):
        with_centres_named(replace(one, positions=np.concatenate((one.positions, moved))))


def test_a_wrong_count_is_refused():
    trajectory = real("agi32_dzvp_loc")
    with pytest.raises(ParameterError, match="frame 0: 16 of 16 I ions do not have 3 Wannier centres"):
        centre_bonds(trajectory, "I", 3)
    with pytest.raises(ParameterError, match=r"16 of 16 Ag ions do not have 4 .* the first of these has 5"):
        centre_bonds(trajectory, "I", 4, 4)
    without_one = np.delete(np.arange(176), 175)
    less = replace(
        trajectory,
        species=trajectory.species[:-1],
        positions=trajectory.positions[:, without_one],
        masses=trajectory.masses[without_one],
    )
    with pytest.raises(ParameterError, match="1 of 16"):
        centre_bonds(less, "I", 4)


def test_a_centre_that_belongs_to_no_ion_is_refused():
    positions = np.array([[[0.0, 0.0, 0.0], [0.6, 0.0, 0.0], [3.0, 0.0, 0.0]]])
    trajectory = Trajectory(("I", "X", "X"), positions, np.eye(3) * 12.0, 1.0, np.ones(3))
    with pytest.raises(ParameterError, match="1 Wannier centres are further than 2 Å from every ion"):
        centre_bonds(trajectory, "I", 2)


def test_which_ion_is_the_anion():
    trajectory = real("lii8")
    with pytest.raises(ParameterError, match="anion is None where one of the ions is expected: Li, I"):
        anion_of(replace(trajectory, mobile=()), None)
    with pytest.raises(ParameterError, match="anion is 'X'"):
        anion_of(trajectory, "X")
    assert anion_of(trajectory, "Li") == "Li"
    bare = replace(trajectory, species=tuple("I" if kind == "X" else kind for kind in trajectory.species))
    with pytest.raises(NotConverged, match="holds no Wannier centres"):
        anion_of(bare, None)
