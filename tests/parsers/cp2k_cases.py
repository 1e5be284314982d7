"""CP2K jobs that the tests know: parameters and frames of each, and how the real CP2K is run on them."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from aiida_cp2k.utils import Cp2kInput
from aiida_cp2k.utils.workchains import merge_dict
from ase import Atoms
from ase.build import bulk, molecule

from aiida_superionic.calculations import full_disk
from aiida_superionic.calculations.cp2k_input import make_request, with_printing

FIXTURES = Path(__file__).parents[1] / "fixtures" / "cp2k_job"
CENTRES = {"Ag": 5, "I": 4, "Li": 1, "C": 0, "H": 1}
_VALENCE = {"Ag": 11, "I": 7, "Li": 3, "C": 4, "H": 1, "Ar": 8}
_SCF = {"EPS_SCF": 1e-6, "MAX_SCF": 30, "PRINT": {"RESTART": {"_": "OFF"}}}
_OUTER = {"OUTER_SCF": {"EPS_SCF": 1e-6, "MAX_SCF": 10}}
LOCALISE = {"FORCE_EVAL": {"DFT": {"LOCALIZE": {"_": "T", "METHOD": "JACOBI", "EPS_LOCALIZATION": 1e-4}}}}
BOND_ORDERS = {"FORCE_EVAL": {"DFT": {"PRINT": {"AO_MATRICES": {"_": "ON"}}}}}


def agi4():
    """Return one cubic cell of α-AgI, displaced."""
    positions = [
        [0.0670107623, -0.0246103259, -0.0310237450],
        [2.5672421025, 2.5605943504, 2.5480207124],
        [1.2248515978, -0.0014625911, 2.5775151597],
        [-0.0672107274, 2.5198692119, 1.1763138630],
    ]
    return Atoms("I2Ag2", positions=positions, cell=[5.0855] * 3, pbc=True)


def lii8(n_frames):
    """Return frames of rock-salt LiI, each displaced and a little larger than the one before."""
    rng = np.random.default_rng(0)
    frames = []
    for i in range(n_frames):
        atoms = bulk("LiI", "rocksalt", a=6.0 + 0.02 * i, cubic=True)
        atoms.positions += rng.normal(0.0, 0.05, atoms.positions.shape)
        frames.append(atoms)
    return frames


def methane(edge=6.0):
    """Return methane in a cubic box, its bonds along the diagonals."""
    atoms = molecule("CH4", cell=[edge] * 3, pbc=True)
    atoms.center()
    return atoms


def pbe(cutoff=150, basis="SZV-MOLOPT-SR-GTH", species=("Ag", "I", "Li", "C", "H")):
    """Return parameters of PBE with a small basis; a basis that molecules have is chosen for C and H."""
    kinds = [
        {
            "_": kind,
            "BASIS_SET": basis if kind not in {"C", "H"} else "DZVP-MOLOPT-GTH",
            "POTENTIAL": f"GTH-PBE-q{_VALENCE[kind]}",
        }
        for kind in species
    ]
    return {
        "FORCE_EVAL": {
            "METHOD": "QUICKSTEP",
            "STRESS_TENSOR": "ANALYTICAL",
            "DFT": {
                "BASIS_SET_FILE_NAME": "BASIS_MOLOPT",
                "POTENTIAL_FILE_NAME": "GTH_POTENTIALS",
                "MGRID": {"CUTOFF": cutoff, "REL_CUTOFF": 40, "NGRIDS": 5},
                "QS": {"EPS_DEFAULT": 1e-10},
                "XC": {"XC_FUNCTIONAL": {"_": "PBE"}},
                "SCF": {
                    **_SCF,
                    **_OUTER,
                    "SCF_GUESS": "ATOMIC",
                    "OT": {"MINIMIZER": "DIIS", "PRECONDITIONER": "FULL_ALL", "ENERGY_GAP": 0.05},
                },
            },
            "SUBSYS": {"KIND": kinds},
        }
    }


def xtb():
    """Return parameters of GFN1-xTB."""
    return {
        "FORCE_EVAL": {
            "METHOD": "QUICKSTEP",
            "STRESS_TENSOR": "ANALYTICAL",
            "DFT": {
                "QS": {"METHOD": "XTB", "XTB": {"CHECK_ATOMIC_CHARGES": False, "DO_EWALD": True}},
                "SCF": {
                    **_SCF,
                    **_OUTER,
                    "SCF_GUESS": "MOPAC",
                    "OT": {"MINIMIZER": "DIIS", "PRECONDITIONER": "FULL_SINGLE_INVERSE"},
                },
            },
        }
    }


def _species_of(atoms):
    return list(dict.fromkeys(atoms.get_chemical_symbols()))


def with_changes(parameters, *changes):
    merged = {}
    for change in (parameters, *changes):
        merge_dict(merged, Cp2kInput(change)._params)
    return merged


def single_point(level, *changes):
    return with_printing(with_changes(level, {"GLOBAL": {"RUN_TYPE": "ENERGY_FORCE", "PRINT_LEVEL": "LOW"}}, *changes))


def batch(level, n_frames, *changes):
    reference = {
        "EVAL_ENERGY_FORCES": True,
        "EVAL_FORCES": True,
        "VARIABLE_VOLUME": True,
        "TRAJ_FILE_NAME": "aiida-reftraj.xyz",
        "CELL_FILE_NAME": "aiida-reftraj.cell",
        "FIRST_SNAPSHOT": 1,
        "LAST_SNAPSHOT": n_frames,
    }
    dynamics = {"ENSEMBLE": "REFTRAJ", "STEPS": n_frames, "TIMESTEP": 0.5, "REFTRAJ": reference}
    run = {"GLOBAL": {"RUN_TYPE": "MD", "PRINT_LEVEL": "LOW"}, "MOTION": {"MD": dynamics}}
    return with_printing(with_changes(level, run, *changes))


@dataclass(frozen=True)
class Case:
    """One job: its parameters, its frames, and whether ions have the numbers of centres that are known."""

    parameters: dict
    frames: list = field(default_factory=list)
    counted: bool = True

    def request(self):
        first = self.frames[0]
        symbols = first.get_chemical_symbols()
        return make_request(
            self.parameters,
            symbols,
            np.array([atoms.positions for atoms in self.frames]),
            np.array([atoms.cell.array for atoms in self.frames]),
            {kind: CENTRES[kind] for kind in _species_of(first)} if self.counted else None,
        )


def _xyz(atoms, comment):
    rows = [f"{s} {x:.16f} {y:.16f} {z:.16f}" for s, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)]
    return "\n".join([str(len(atoms)), comment, *rows, ""])


def write_inputs(case, folder):
    """Write what aiida-cp2k writes for a job."""
    rendered = Cp2kInput(case.parameters)
    rendered.add_keyword("GLOBAL/PROJECT", "aiida")
    for letter, vector in zip("ABC", case.frames[0].cell, strict=True):
        rendered.add_keyword(f"FORCE_EVAL/SUBSYS/CELL/{letter}", " ".join(f"{x:.16f}" for x in vector))
    rendered.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_NAME", "aiida.coords.xyz")
    rendered.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_FORMAT", "XYZ")
    (folder / "aiida.inp").write_text(rendered.render())
    (folder / "aiida.coords.xyz").write_text(_xyz(case.frames[0], "first"))
    steps = [(i + 1, 0.5 * (i + 1), atoms) for i, atoms in enumerate(case.frames)]
    (folder / "aiida-reftraj.xyz").write_text(
        "".join(_xyz(atoms, f"i = {i} , time = {time}") for i, time, atoms in steps)
    )
    cells = [
        f"{i} {time} {' '.join(f'{x:.16f}' for x in atoms.cell.array.ravel())} {atoms.cell.volume:.16f}"
        for i, time, atoms in steps
    ]
    (folder / "aiida-reftraj.cell").write_text("\n".join(["# Step", *cells, ""]))


def start_cp2k(executable, folder, around=False):
    """Start CP2K on the inputs of a folder, between the lines of the job script if asked, and return the process."""
    engine = '"$0" -i aiida.inp > aiida.out 2>&1'
    script = "\n".join([full_disk.PREPEND, engine, full_disk.APPEND]) if around else f"exec {engine}"
    return subprocess.Popen(
        ["bash", "-c", script, executable],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run_cp2k(executable, case, folder):
    """Run CP2K on a case and return the text of each file that it left."""
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(case, folder)
    start_cp2k(executable, folder).wait()
    return read_files(folder)


def read_files(folder):
    """Return the text of each file of a folder, and that of CP2K's output."""
    files = {path.name: path.read_text(errors="replace") for path in folder.iterdir()}
    return files, files.pop("aiida.out", "")


_NO_OUTER = {"FORCE_EVAL": {"DFT": {"SCF": {"MAX_SCF": 10}}}}
_WITHOUT_FORCES = {"MOTION": {"MD": {"REFTRAJ": {"EVAL_FORCES": False}}}}
_FORCES_PRINTED = {"MOTION": {"PRINT": {"FORCES": {"_": "ON", "EACH": {"MD": 1}}}}}
_OPEN_SHELL = {"FORCE_EVAL": {"DFT": {"LSD": True, "MULTIPLICITY": 2}}}


def _scf_failing():
    parameters = batch(pbe(species=("Li", "I")), 3, LOCALISE, _NO_OUTER)
    del parameters["FORCE_EVAL"]["DFT"]["SCF"]["OUTER_SCF"]
    return parameters


def _printed():
    """Return a single point whose numbers are all in the output, none in files of their own."""
    parameters = single_point(pbe(species=("Li", "I")), {"GLOBAL": {"PRINT_LEVEL": "MEDIUM"}})
    del parameters["FORCE_EVAL"]["DFT"]["PRINT"]
    del parameters["FORCE_EVAL"]["PRINT"]["STRESS_TENSOR"]["FILENAME"]
    return parameters


def _lithium():
    return Atoms("Li", positions=[[3.0, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)


def hydrogen(lengths):
    """Return hydrogen molecules in a box."""
    return [Atoms("H2", positions=[[3.0, 3.0, 3.0], [3.0, 3.0, 3.0 + r]], cell=[6.0] * 3, pbc=True) for r in lengths]


CASES = {
    "agi4_xtb": Case(single_point(xtb(), LOCALISE), [agi4()]),
    "agi4_pbe": Case(single_point(pbe(species=("Ag", "I")), LOCALISE), [agi4()]),
    "lii8_printed": Case(_printed(), lii8(1)),
    "lii8_batch": Case(batch(pbe(species=("Li", "I")), 3, LOCALISE), lii8(3)),
    "lii8_xtb_batch": Case(batch(xtb(), 4), lii8(4)),
    "h2_bond_orders": Case(batch(xtb(), 2, BOND_ORDERS), hydrogen([0.74, 0.9])),
    "open_shell": Case(single_point(pbe(species=("Li",)), _OPEN_SHELL), [_lithium()]),
    "scf_failed": Case(_scf_failing(), lii8(3)),
    "zero_forces": Case(with_changes(batch(xtb(), 2, _WITHOUT_FORCES), _FORCES_PRINTED), lii8(2)),
    "not_localised": Case(
        single_point(xtb(), LOCALISE, {"FORCE_EVAL": {"DFT": {"LOCALIZE": {"MAX_ITER": 3}}}}), [agi4()]
    ),
    "diverged": Case(single_point(xtb(), {"FORCE_EVAL": {"DFT": {"SCF": {"OT": {"STEPSIZE": 1e200}}}}}), [agi4()]),
    "unknown_keyword": Case(single_point(xtb(), {"FORCE_EVAL": {"DFT": {"CHARGES": 0}}}), [agi4()]),
    "unknown_potential": Case(single_point(pbe(species=("Ag", "I"), basis="SZV-MOLOPT-SR-GTHX")), [agi4()]),
    "out_of_walltime": Case(batch(xtb(), 12, {"GLOBAL": {"WALLTIME": 3}}), lii8(12)),
    "killed": Case(batch(xtb(), 12), lii8(12)),
    "full_disk": Case(batch(xtb(), 12), lii8(12)),
    "no_program": Case(single_point(xtb()), [agi4()]),
}
