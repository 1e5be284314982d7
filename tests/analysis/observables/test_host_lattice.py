"""Einstein crystals of known amplitude, and what is no crystal."""

from dataclasses import replace

import numpy as np
import pytest
from polyatomic import b10h10, bh4, p2s6, random_rotations
from polyatomic import crystal as crystal_of

from aiida_superionic.analysis.observables.host_lattice import host_lattice
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import NotConverged
from aiida_superionic.analysis.trajectory import Trajectory


def crystal(rng, amplitude, diffusion=0.0, n_frames=400):
    """Return a simple cubic host of 27 ions 4 Å apart, each coordinate with a standard deviation, and one Ag."""
    sites = 4.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    ions = sites + amplitude * rng.normal(size=(n_frames, 27, 3))
    ions += np.cumsum(rng.normal(scale=np.sqrt(2 * diffusion * 0.1), size=ions.shape), axis=0)
    positions = np.concatenate((ions, np.cumsum(rng.normal(size=(n_frames, 1, 3)), axis=0)), axis=1)
    species = ("I",) * 27 + ("Ag",)
    return Trajectory(species, positions, 12.0 * np.eye(3), 0.1, np.ones(28), mobile=("Ag",))


def test_ratio_of_an_einstein_crystal(rng):
    """Its frame is that of its 27 ions, which takes 1/27 of ⟨u²⟩; the mean position takes 1/400."""
    scalar = host_lattice(crystal(rng, 0.3)).scalars["lindemann_ratio_I"]
    expected = np.sqrt(3 * 0.3**2 * (1 - 1 / 27) * (1 - 1 / 400)) / 4.0
    # The mean of 3·26·400 squares is known to sqrt(2/31 200), its root to half; mean positions scatter by 0.3/20 Å
    # and make the nearest of six neighbours at 4 Å nearer by 1.3 of sqrt(2) of that.
    assert scalar.value == pytest.approx(expected, rel=2.5 * np.sqrt(2 / 31_200) + 1.3 * 0.0212 / 4.0 * 1.5)
    assert scalar.unit == "1"


def test_a_drift_of_the_whole_is_no_melting(rng):
    trajectory = crystal(rng, 0.3)
    drift = np.arange(400.0)[:, None, None] * np.array([0.5, 0.0, 0.1])
    still, moved = (
        host_lattice(t).scalars["lindemann_ratio_I"].value
        for t in (trajectory, replace(trajectory, positions=trajectory.positions + drift))
    )
    assert moved == pytest.approx(still, rel=1e-9)


def test_a_molten_host_is_not_converged(rng):
    with pytest.raises(NotConverged, match=r"the host lattice is not intact: Lindemann ratio I [\d.]+, where 0.25"):
        host_lattice(crystal(rng, 0.3, diffusion=0.2))


@pytest.mark.parametrize("body", [bh4, p2s6, b10h10])
@pytest.mark.parametrize("melting", [False, True])
def test_polyanions_count_by_their_centres_of_mass(rng, body, melting):
    """Each turns at random from frame to frame, some of them cut by the boundary."""
    amplitude, n_frames, n_units = 0.3, 400, 4
    turning = crystal_of(*body(), random_rotations(rng, n_frames, n_units), spacing=9.0)
    moves = amplitude * rng.normal(size=(n_frames, n_units, 3))
    if melting:
        moves = np.cumsum(moves, axis=0)
    size = (len(turning.species) - 2) // n_units
    positions = turning.positions.copy()
    positions[:, :-2] += np.repeat(moves, size, axis=1)
    positions -= np.floor(positions[0] @ np.linalg.inv(turning.cell)) @ turning.cell
    assert np.ptp(positions[0, :size], axis=0).max() > 4.5
    moved = replace(turning, positions=positions)
    if melting:
        with pytest.raises(NotConverged, match="the host lattice is not intact"):
            host_lattice(moved)
        return
    (ratio,) = host_lattice(moved).scalars.values()
    # As for an Einstein crystal of four ions, 9 Å apart.
    expected = np.sqrt(3 * amplitude**2 * (1 - 1 / n_units) * (1 - 1 / n_frames)) / 9.0
    assert ratio.value == pytest.approx(expected, rel=2.5 * np.sqrt(2 / (9 * n_frames)) + 1.3 * 0.0212 / 9.0 * 1.5)


def test_a_lone_dopant_does_not_hide_a_melt(rng):
    melt = crystal(rng, 0.3, diffusion=0.2)
    species = ("Br", *melt.species[1:])
    still = np.concatenate((np.zeros((400, 1, 3)), melt.positions[:, 1:]), axis=1)
    with pytest.raises(NotConverged, match=r"Lindemann ratio Br 0\.\d+, I [\d.]+, where"):
        host_lattice(replace(melt, species=species, positions=still))


def test_without_a_host_there_is_nothing_to_check(rng):
    with pytest.raises(ParameterError, match="needs a species that is not mobile"):
        host_lattice(replace(crystal(rng, 0.1), mobile=()))


def test_neighbours_are_found_however_far_they_are(rng):
    """A cube of 64 ions 4 Å apart and one ion 34 Å from it, almost twice as far as if all were spread evenly."""
    cube = 4.0 * np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = np.concatenate((cube, [[46.0, 0.0, 0.0], [20.0, 20.0, 20.0]]))
    amplitude = 0.02
    positions = sites + amplitude * rng.normal(size=(400, 66, 3))
    trajectory = Trajectory(("I",) * 65 + ("Ag",), positions, 80.0 * np.eye(3), 0.1, np.ones(66), mobile=("Ag",))
    # The centre of mass takes 1/65 of ⟨u²⟩; mean squares of 3·64·400 numbers are known to sqrt(2/76 800). Mean places
    # scatter by 0.02/20 Å, and the nearest of six is nearer by 1.3 times sqrt(2) of that.
    expected = np.sqrt(3 * amplitude**2 * (1 - 1 / 65) * (1 - 1 / 400)) / ((64 * 4.0 + 34.0) / 65)
    tolerance = 2.5 * np.sqrt(2 / 76_800) + 1.3 * 0.0014 / 4.0 * 1.5
    assert host_lattice(trajectory).scalars["lindemann_ratio_I"].value == pytest.approx(expected, rel=tolerance)
