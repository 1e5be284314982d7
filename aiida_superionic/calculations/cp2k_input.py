"""What a CP2K job is asked for: the sections that print what its parser reads, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from aiida_cp2k.utils.workchains import merge_dict

from aiida_superionic.analysis.trajectory import Array

POSITIONS_FILE = "aiida-pos-1.xyz"
FORCES_FILE = "aiida-frc-1.xyz"
CELL_FILE = "aiida-1.cell"
STRESS_FILE = "stress.out"
WANNIER_FILE = "wannier.xyz"
SPREADS_FILE = "wannier.spreads"
MULLIKEN_FILE = "mulliken.out"
HIRSHFELD_FILE = "hirshfeld.out"
MATRICES_FILE = "ao_matrices.out"
FILES = (
    POSITIONS_FILE,
    FORCES_FILE,
    CELL_FILE,
    STRESS_FILE,
    WANNIER_FILE,
    SPREADS_FILE,
    MULLIKEN_FILE,
    HIRSHFELD_FILE,
    MATRICES_FILE,
)
DENSITY_FILE = "valence_density.cube"
"""Stays in the folder of the job."""

SINGLE_POINTS = ("ENERGY", "ENERGY_FORCE")
_MAX_LOCALISATION_ITERATIONS = 10_000
"""CP2K's own ``LOCALIZE/MAX_ITER``."""
_CUTOFF_OF_XTB_CUBES = 300.0
"""Ry."""
_EVERY_FRAME: Mapping[str, Any] = {"_": "ON", "EACH": {"MD": 1}}


@dataclass(frozen=True, eq=False)
class Cp2kRequest:
    """What a job was asked for, as far as its parser must know.

    Parameters
    ----------
    species
        Chemical symbol of each atom, shape (N,).
    positions
        In Å, shape (T, N, 3).
    cells
        Cell vectors as rows in Å, shape (T, 3, 3).
    batch
        Whether the frames are those of a REFTRAJ trajectory, not a single point.
    forces, stress, localised
        Whether forces, stress and Wannier centres were asked for.
    max_localisation_iterations
        Where the localisation gives up.
    centres_per_ion
        By species the number of Wannier centres that each ion must have; None where it is not known.
    bond_orders
        Whether overlap and density matrix were asked for, of which Mayer's bond orders are made.
    cubes
        Whether cube files of the localised orbitals were asked for.
    """

    species: tuple[str, ...]
    positions: Array
    cells: Array
    batch: bool
    forces: bool
    stress: bool
    localised: bool
    max_localisation_iterations: int = _MAX_LOCALISATION_ITERATIONS
    centres_per_ion: Mapping[str, int] | None = None
    bond_orders: bool = False
    cubes: bool = False


def make_request(
    parameters: Mapping[str, Any],
    species: Sequence[str],
    positions: Array,
    cells: Array,
    centres_per_ion: Mapping[str, int] | None = None,
) -> Cp2kRequest:
    """Return what CP2K's parameters ask for these frames.

    Raises
    ------
    ValueError
        If the parameters ask for something else than a single point or a REFTRAJ batch that holds the cell of each
        frame, the number of centres is not that of every species, or bond orders are asked for with spin, k-points
        or without forces.
    """
    run = str(_section(parameters, "GLOBAL").get("RUN_TYPE", "")).upper()
    dynamics = _section(parameters, "MOTION", "MD")
    reference = _section(dynamics, "REFTRAJ")
    batch = run == "MD" and str(dynamics.get("ENSEMBLE", "")).upper() == "REFTRAJ"
    if run not in SINGLE_POINTS and not batch:
        expected = f"{', '.join(SINGLE_POINTS)} or MD with the ensemble REFTRAJ"
        raise ValueError(f"RUN_TYPE is {run or 'missing'} where {expected} is expected")
    if batch and not all(_is_on(reference.get(key, False)) for key in ("EVAL_ENERGY_FORCES", "VARIABLE_VOLUME")):
        raise ValueError("REFTRAJ needs EVAL_ENERGY_FORCES and VARIABLE_VOLUME, or it takes energy or cell of no frame")
    if not batch and len(positions) != 1:
        raise ValueError(f"{run} is given {len(positions)} frames where one is expected")
    if centres_per_ion is not None and (missing := sorted(set(species) - set(centres_per_ion))):
        raise ValueError(f"the number of Wannier centres per ion of {', '.join(missing)} is missing")
    dft = _section(parameters, "FORCE_EVAL", "DFT")
    bond_orders = _is_on_section(_section(dft, "PRINT", "AO_MATRICES"))
    if bond_orders and (_is_on(dft.get("LSD", dft.get("UKS", False))) or "KPOINTS" in dft):
        raise ValueError("Mayer bond orders are those of a closed shell at Γ, and AO_MATRICES is asked for with others")
    localise = _section(dft, "LOCALIZE")
    stress = str(_section(parameters, "FORCE_EVAL").get("STRESS_TENSOR", "NONE")).upper()
    forces = _is_on_section(_section(parameters, "MOTION", "PRINT", "FORCES")) if batch else run == "ENERGY_FORCE"
    if bond_orders and not forces:
        raise ValueError("Mayer bond orders need forces: without them CP2K does not mark the last density matrix")
    return Cp2kRequest(
        species=tuple(species),
        positions=positions,
        cells=cells,
        batch=batch,
        forces=forces,
        stress=stress != "NONE" and forces,
        localised=_is_on_section(localise),
        max_localisation_iterations=int(localise.get("MAX_ITER", _MAX_LOCALISATION_ITERATIONS)),
        centres_per_ion=centres_per_ion,
        bond_orders=bond_orders,
        cubes=_is_on_section(_section(localise, "PRINT", "WANNIER_CUBES")),
    )


def single_point(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a level of theory as those of energy, forces and stress of one frame."""
    return _run(parameters, {"GLOBAL": {"RUN_TYPE": "ENERGY_FORCE", "PRINT_LEVEL": "LOW"}})


def batch(parameters: Mapping[str, Any], n_frames: int) -> dict[str, Any]:
    """Return the parameters of a level of theory as those of a REFTRAJ batch; of a batch, for another number of frames.

    Each frame's self-consistent field starts from those of the frames before, unless the parameters say otherwise.
    """
    reference = {
        "EVAL_ENERGY_FORCES": True,
        "EVAL_FORCES": True,
        "VARIABLE_VOLUME": True,
        "TRAJ_FILE_NAME": "aiida-reftraj.xyz",
        "CELL_FILE_NAME": "aiida-reftraj.cell",
        "FIRST_SNAPSHOT": 1,
        "LAST_SNAPSHOT": n_frames,
    }
    # CP2K wants a timestep and makes no use of it here.
    dynamics = {"ENSEMBLE": "REFTRAJ", "STEPS": n_frames, "TIMESTEP": 0.5, "REFTRAJ": reference}
    return _run(parameters, {"GLOBAL": {"RUN_TYPE": "MD", "PRINT_LEVEL": "LOW"}, "MOTION": {"MD": dynamics}})


def of_unlike_frames(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a level of theory for batches of frames that need not be like one another.

    What CP2K extrapolates from the frames before is far off there. DFT finds the way from it; the charges of GFN1-xTB
    may run away to a state that converges, far below the true one, so that each frame begins afresh.
    """
    joined = deepcopy(dict(parameters))
    if "XTB" in _section(parameters, "FORCE_EVAL", "DFT", "QS"):
        joined["FORCE_EVAL"]["DFT"]["QS"].setdefault("EXTRAPOLATION", "USE_GUESS")
    return joined


def with_centres(parameters: Mapping[str, Any], localisation: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of a level of theory with Wannier centres asked for, localised as they or others say."""
    given = {**_section(parameters, "FORCE_EVAL", "DFT", "LOCALIZE"), **(localisation or {})}
    # Sweeps of pairs of orbitals converge where CP2K's own choice does not always.
    localise = {"METHOD": "JACOBI", "EPS_LOCALIZATION": 1e-4, **given, "_": "T"}
    joined = deepcopy(dict(parameters))
    merge_dict(joined, {"FORCE_EVAL": {"DFT": {"LOCALIZE": localise}}})
    return joined


def with_cubes(parameters: Mapping[str, Any], stride: int) -> dict[str, Any]:
    """Return parameters that ask for centres, with cube files of all localised orbitals asked for.

    Parameters
    ----------
    parameters
        Those of :func:`with_centres`.
    stride
        One of how many points of the grid to write, along each vector of the cell.
    """
    joined = deepcopy(dict(parameters))
    cubes = {**_EVERY_FRAME, "STRIDE": f"{stride} {stride} {stride}", "COMMON_ITERATION_LEVELS": 10}
    dft: dict[str, Any] = {"LOCALIZE": {"PRINT": {"WANNIER_CUBES": cubes}}}
    if "XTB" in _section(parameters, "FORCE_EVAL", "DFT", "QS") and not _section(
        parameters, "FORCE_EVAL", "DFT", "MGRID"
    ):
        # GFN1-xTB computes nothing on a grid, and has but a few points if none are asked for.
        dft["MGRID"] = {"CUTOFF": _CUTOFF_OF_XTB_CUBES, "NGRIDS": 1}
    merge_dict(joined, {"FORCE_EVAL": {"DFT": dft}})
    return joined


def cube_file(orbital: int) -> str:
    """Return the name of the cube file of a localised orbital, by CP2K's number; it stays in the folder of the job."""
    return f"aiida-locHOMO_w{orbital}_s1.cube"


def _run(parameters: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    joined = deepcopy(dict(parameters))
    merge_dict(joined, deepcopy(dict(run)))
    return with_printing(joined)


def with_printing(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return CP2K's parameters with the sections that print what the parser reads of a single point or a batch.

    Forces, stress and Wannier centres are printed where they are computed: ``RUN_TYPE ENERGY_FORCE`` or ``REFTRAJ``
    with ``EVAL_FORCES``, ``STRESS_TENSOR``, ``LOCALIZE``. Where ``DFT/PRINT`` asks for ``AO_MATRICES``, they are those
    of Mayer's bond orders; where it asks for ``E_DENSITY_CUBE``, it is the whole grid, as DDEC6 needs it.
    """
    printed = deepcopy(dict(parameters))
    evaluation: dict[str, Any] = {"PRINT": {"FORCES": {"_": "ON"}}}
    if "STRESS_TENSOR" in _section(parameters, "FORCE_EVAL"):
        evaluation["PRINT"]["STRESS_TENSOR"] = _to_file(STRESS_FILE)
    dft: dict[str, Any] = {"PRINT": {"MULLIKEN": _to_file(MULLIKEN_FILE)}}
    if "XTB" not in _section(parameters, "FORCE_EVAL", "DFT", "QS"):
        dft["PRINT"]["HIRSHFELD"] = _to_file(HIRSHFELD_FILE)
    asked = _section(parameters, "FORCE_EVAL", "DFT", "PRINT")
    if _is_on_section(_section(asked, "AO_MATRICES")):
        # CP2K prints the density matrix of every step of the self-consistent field, or none.
        dft["PRINT"]["AO_MATRICES"] = {**_to_file(MATRICES_FILE), "OVERLAP": True, "DENSITY": True, "NDIGITS": 10}
    if _is_on_section(_section(asked, "E_DENSITY_CUBE")):
        dft["PRINT"]["E_DENSITY_CUBE"] = {**_to_file(DENSITY_FILE), "STRIDE": 1}
    if _is_on_section(_section(parameters, "FORCE_EVAL", "DFT", "LOCALIZE")):
        centres = {**_to_file(WANNIER_FILE), "IONS+CENTERS": True}
        dft["LOCALIZE"] = {"PRINT": {"WANNIER_CENTERS": centres, "WANNIER_SPREADS": _to_file(SPREADS_FILE)}}
    printing: dict[str, Any] = {"FORCE_EVAL": {**evaluation, "DFT": dft}}
    if "MD" in _section(parameters, "MOTION"):
        computed = _is_on(_section(parameters, "MOTION", "MD", "REFTRAJ").get("EVAL_FORCES", False))
        off = {"_": "OFF"}
        printing["MOTION"] = {
            "PRINT": {
                "TRAJECTORY": dict(_EVERY_FRAME),
                "CELL": dict(_EVERY_FRAME),
                "FORCES": dict(_EVERY_FRAME) if computed else off,
                # Zeros, in 2023.1.
                "STRESS": off,
                "VELOCITIES": off,
                "RESTART": off,
                "RESTART_HISTORY": off,
            }
        }
    merge_dict(printed, printing)
    return printed


def _to_file(name: str) -> dict[str, Any]:
    # One file for all frames, without the project's name and the iteration in its own.
    return {**_EVERY_FRAME, "FILENAME": f"={name}", "COMMON_ITERATION_LEVELS": 10}


def _section(parameters: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return a section of CP2K's parameters, empty where it is absent or given as nothing but a value."""
    section: Any = parameters
    for name in path:
        section = section.get(name, {}) if isinstance(section, Mapping) else {}
    return section if isinstance(section, Mapping) else {}


def _is_on_section(section: Mapping[str, Any]) -> bool:
    return bool(section) and _is_on(section.get("_", True))


def _is_on(value: Any) -> bool:
    return str(value).strip(".").upper() in {"T", "TRUE", "ON", "YES"}
