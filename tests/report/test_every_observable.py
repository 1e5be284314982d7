"""What each registered observable gives is drawn with labels, units and the names of its species."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.registry import observables
from aiida_superionic.analysis.results import Result
from aiida_superionic.analysis.trajectory import Trajectory
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.curves import curve_plots, surface_plots
from aiida_superionic.report.figures import MOST_LINES
from aiida_superionic.report.formatting import unit_label
from aiida_superionic.report.looks import series_text, split_name

CORNERS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]) / np.sqrt(3.0)
LATTICE, N_FRAMES, TIMESTEP = 5.0, 1200, 0.02
ONLY_NUMBERS = {"coordination", "host_lattice", "jumps", "reorientations", "temperature", "density_map"}
PARAMETERS: dict[str, dict[str, Any]] = {
    "cage_residence": {"longest_lag": 2.0, "cutoff": 3.5},
    "conductivity": {"fit_start": 0.5, "fit_end": 2.0, "temperature": 750.0},
    "diffusion": {"fit_start": 0.5, "fit_end": 2.0},
    "distance_free_energy": {"temperature": 300.0},
    "force_correlation": {"longest_lag": 1.0},
    "friction": {"longest_lag": 2.0, "fit_start": 0.5, "fit_end": 2.0},
    "hop_events": {"cutoff": 3.5},
    "rotational_free_energy": {"temperature": 300.0},
    "tetrahedral_rotor": {"longest_lag": 1.0},
    "van_hove": {"times": (0.5, 2.0)},
    "vibrations": {"longest_lag": 1.0},
}
OF_CENTRES = {"angular_distribution", "dipoles", "tetrahedral_rotor"}
OF_POLYANIONS = {"distance_free_energy", "rotational_free_energy", "rotor_angles", "reorientations"}


@pytest.fixture(scope="module")
def ions() -> Trajectory:
    """Free Langevin silver in a bcc lattice of iodide that trembles."""
    rng = np.random.default_rng(5)
    corners = LATTICE * np.stack(np.meshgrid(*(np.arange(3),) * 3), axis=-1).reshape(-1, 3)
    iodide = np.concatenate((corners, corners + 0.5 * LATTICE))
    silver = 20
    decay, speed = np.exp(-TIMESTEP / 0.1), 4.0
    velocities = np.empty((N_FRAMES, silver, 3))
    velocities[0] = speed * rng.normal(size=(silver, 3))
    for t in range(1, N_FRAMES):
        kick = rng.normal(size=(silver, 3))
        velocities[t] = decay * velocities[t - 1] + speed * np.sqrt(1.0 - decay**2) * kick
    start = 15.0 * rng.random((silver, 3))
    tremble = 0.2 * rng.normal(size=(N_FRAMES, len(iodide), 3))
    return Trajectory(
        species=("Ag",) * silver + ("I",) * len(iodide),
        positions=np.concatenate((start + np.cumsum(velocities, axis=0) * TIMESTEP, iodide + tremble), axis=1),
        cell=3.0 * LATTICE * np.eye(3),
        timestep=TIMESTEP,
        masses=np.array([107.87] * silver + [126.9] * len(iodide)),
        velocities=np.concatenate((velocities, rng.normal(size=tremble.shape)), axis=1),
        forces=rng.normal(size=(N_FRAMES, silver + len(iodide), 3)),
        mobile=("Ag",),
        formal_charges={"Ag": 1.0, "I": -1.0},
    )


@pytest.fixture(scope="module")
def centres(ions: Trajectory) -> Trajectory:
    """Four centres to each iodide, and silver that trembles between two of these."""
    rng = np.random.default_rng(6)
    silver = len(ions.atoms_of("Ag"))
    positions = np.array(ions.positions)
    iodide = positions[:, ions.atoms_of("I")]
    positions[:, :silver] = (
        iodide[:, :silver] + [0.5 * LATTICE, 0.0, 0.0] + 0.1 * rng.normal(size=(N_FRAMES, silver, 3))
    )
    around = _tetrahedra(rng, iodide, 0.6)
    return replace(
        ions,
        species=ions.species + ("X",) * around.shape[1],
        positions=np.concatenate((positions, around), axis=1),
        masses=np.append(ions.masses, np.ones(around.shape[1])),
        velocities=None,
        forces=None,
    )


@pytest.fixture(scope="module")
def polyanions() -> Trajectory:
    """Two PS4 that turn freely, and lithium."""
    rng = np.random.default_rng(7)
    phosphorus = np.broadcast_to([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]], (N_FRAMES, 2, 3))
    lithium = np.array([[2.5, 2.0, 2.0], [0.0, 4.0, 4.0]]) + 0.2 * rng.normal(size=(N_FRAMES, 2, 3))
    return Trajectory(
        species=("P",) * 2 + ("S",) * 8 + ("Li",) * 2,
        positions=np.concatenate((phosphorus, _tetrahedra(rng, phosphorus, 2.05), lithium), axis=1),
        cell=np.diag([18.0, 9.0, 9.0]),
        timestep=TIMESTEP,
        masses=np.array([30.97] * 2 + [32.06] * 8 + [6.94] * 2),
        mobile=("Li",),
    )


def _tetrahedra(rng: np.random.Generator, middles: np.ndarray, length: float) -> np.ndarray:
    """Return four ends about each of the middles, turned at random, shape (T, 4 n, 3)."""
    shape = middles.shape[:2]
    turned = Rotation.random(int(np.prod(shape)), rng=rng).as_matrix().reshape(*shape, 3, 3)
    ends = middles[:, :, None] + length * np.einsum("tuij,nj->tuni", turned, CORNERS)
    return (ends + 0.03 * rng.normal(size=ends.shape)).reshape(len(ends), -1, 3)


@pytest.fixture(scope="module")
def result_of(ions: Trajectory, centres: Trajectory, polyanions: Trajectory) -> Callable[[str], Result]:
    def compute(name: str) -> Result:
        trajectory = polyanions if name in OF_POLYANIONS else centres if name in OF_CENTRES else ions
        return observables()[name].function(trajectory, **PARAMETERS.get(name, {}))

    return compute


@pytest.mark.parametrize("name", observables())
def test_observable_is_drawn_with_labels_units_and_species(
    name: str,
    result_of: Callable[[str], Result],
    make_point: Callable[..., PointResult],
    figures: dict[str, Figure],
) -> None:
    result = result_of(name)
    assert bool(result.curves or result.surfaces) == (name not in ONLY_NUMBERS)
    drawn = {"curves": result.curves, "surfaces": result.surfaces, "observables": {}}
    for temperatures in ((750.0,), (600.0, 750.0)):
        found = conditions([make_point(1, temperature, **drawn) for temperature in temperatures])
        plots = {plot.name: plot for plot in [*curve_plots(found), *surface_plots(found)]}
        for what, shown in {**result.curves, **result.surfaces}.items():
            family, _, species = split_name(what)
            figure = figures[family]
            axes = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
            bars = [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]
            value_unit = shown.y_unit if what in result.curves else shown.z_unit
            for axis in axes:
                assert axis.get_xlabel().endswith(_unit(shown.x_unit)), what
                assert axis.get_ylabel().endswith(_unit(shown.y_unit if bars else value_unit)), what
                assert axis.get_xlabel().strip(), what
                assert axis.get_ylabel().strip(), what
                assert len([line for line in axis.lines if line.get_label()[:1] != "_"]) <= MOST_LINES
                assert np.isfinite([*axis.get_xlim(), *axis.get_ylim()]).all()
            for bar in bars:
                assert bar.get_ylabel().endswith(_unit(value_unit)), what
                assert bar.get_ylabel().strip(), what
            texts = " ".join(
                [
                    *(axis.get_title(loc="left") for axis in axes),
                    *(text.get_text() for legend in figure.legends for text in legend.get_texts()),
                    *(text.get_text() for axis in axes if axis.get_legend() for text in axis.get_legend().get_texts()),
                ]
            )
            assert all(word in texts for word in series_text(what).split(", axis ")[:1]), (what, texts)
            assert not species or series_text(what).partition(",")[0] in plots[family].description


def _unit(unit: str) -> str:
    return f"({unit_label(unit)})" if unit_label(unit) else ""
