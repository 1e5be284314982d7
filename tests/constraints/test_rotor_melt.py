"""A host of polyanions that turn is intact; one that leaves its places is not."""

import numpy as np
import pytest
from rotor_crystal import SPACING

from aiida_superionic.analysis.observables.host_lattice import host_lattice
from aiida_superionic.analysis.orientation import angle_between
from aiida_superionic.analysis.polyanions import find_polyanions
from aiida_superionic.analysis.results import NotConverged


@pytest.fixture
def p2s6(stage, run_rotors):
    """Return a function that runs polyanions that are held about their places with some stiffness."""

    def run(tether, **changes):
        settings = stage(
            ensemble="nvt",
            temperature=1000.0,
            duration=20.0,
            timestep=0.001,
            checkpoint_interval=20.0,
            sampling_interval=0.1,
            host_displacement_limit=0.3,
        )
        return run_rotors(f"tether {tether}", settings, tether=tether, formulas=("P2S6",), **changes)

    return run


def test_a_crystal_whose_polyanions_turn_round_is_not_halted(p2s6):
    run = p2s6(0.2)
    assert run.output.complete
    trajectory = run.trajectory()
    phosphorus = np.asarray(trajectory.positions[:, trajectory.atoms_of("P")])
    axes = phosphorus[:, 1::2] - phosphorus[:, ::2]
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    furthest = angle_between(axes, axes[0]).max(axis=0)
    assert furthest.max() > 170.0
    assert furthest.min() > 90.0
    # Any of its atoms would tell of a melt.
    for kind, distance in (("P", 2.2), ("S", 3.29)):
        atoms = trajectory.positions[:, trajectory.atoms_of(kind)]
        assert np.sqrt(np.sum((atoms - atoms[0]) ** 2, axis=-1).mean(axis=-1)).max() > 0.3 * distance
    centres = find_polyanions(trajectory)["P2S6"].centres_of_mass(trajectory)
    moved = centres - centres[0]
    moved -= moved.mean(axis=1, keepdims=True)
    expected = np.sqrt(np.sum(moved**2, axis=-1).mean(axis=1)) / SPACING
    found = run.output.thermo["host_displacement"][np.isin(run.output.thermo["step"], 100 * np.arange(201))]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert 0.0 < expected.max() < 0.15
    (ratio,) = host_lattice(trajectory).scalars.values()
    assert ratio.value < 0.1


def test_the_same_crystal_without_what_holds_it_is_halted(p2s6):
    run = p2s6(0.0, failing=True)
    assert run.output.molten
    assert not run.output.complete
    # The value that ends the run is in its last words; the row before is that of an interval earlier.
    assert run.output.thermo["host_displacement"][-1] < 0.3 < float(run.output.error.split()[-1])
    moved = run.trajectory()
    with pytest.raises(NotConverged, match="the host lattice is not intact: Lindemann ratio P2S6"):
        host_lattice(moved, limit=0.1)
