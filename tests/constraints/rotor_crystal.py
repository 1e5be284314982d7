"""A crystal of four kinds of polyanions and lithium, and a force field that makes it a crystal of springs and balls."""

from itertools import combinations, product

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from polyatomic import b10h10, bh4, p2s6, ps4
from scipy.spatial.transform import Rotation

from aiida_superionic.analysis.orientation import best_rotation
from aiida_superionic.calculations import lammps
from aiida_superionic.constraints.eckart import eckart_frames
from aiida_superionic.constraints.lammps import LammpsConstraint
from aiida_superionic.potentials import LammpsPotential

KINDS = ["B", "H", "P", "S", "Li"]
MOBILE = ["Li"]
ROTORS = {"BH4": bh4, "PS4": ps4, "P2S6": p2s6, "B10H10": b10h10}
SPACING = 8.0
TETHER = SPACING * 0.75**0.5
_DIAMETERS = {"B": 3.2, "H": 2.4, "P": 3.6, "S": 3.5, "Li": 2.2}
_STIFFNESS = 12.0  # eV/Å² of every distance within a polyanion
_CUTOFF = 7.0


def crystal(formulas=tuple(ROTORS), repeats=(2, 2, 2), seed=1):
    """Return polyanions, turned at random, on a simple cubic lattice, and lithium in the centres of its cubes.

    Nothing is wrapped into the cell: about half of the polyanions are cut by its boundary when that is done.
    """
    rng = np.random.default_rng(seed)
    species, places, units, lithium = [], [], [], []
    for number, site in enumerate(np.ndindex(*repeats)):
        kinds, geometry = ROTORS[formulas[number % len(formulas)]]()
        masses = atomic_masses[[atomic_numbers[kind] for kind in kinds]]
        body = (geometry - masses @ geometry / masses.sum()) @ Rotation.random(rng=rng).as_matrix().T
        units.append(range(len(species), len(species) + len(kinds)))
        species += kinds
        places.append(body + SPACING * np.array(site))
        lithium.append(SPACING * (np.array(site) + 0.5))
    symbols = [*species, *["Li"] * len(lithium)]
    atoms = Atoms(symbols, np.vstack([*places, lithium]), cell=SPACING * np.array(repeats), pbc=True)
    return atoms, units


def potential(atoms, units, tether=0.0):
    """Return springs between all atoms of each polyanion, balls and screened charges between polyanions.

    The springs are put on the atoms, in the words of ASE's writer. A tether is the stiffness, in eV/Å²,
    of springs between lithium and the phosphorus of the eight polyanions about it, as long as the way to their centres
    of mass: they hold the centres, and leave two phosphorus free to turn about theirs, to second order in its distance.
    """
    lengths, bonds = {}, [[] for _ in atoms]
    for unit in units:
        for i, j in combinations(unit, 2):
            length = round(atoms.get_distance(i, j), 6)
            bonds[i].append(f"{j}({lengths.setdefault(length, len(lengths) + 1)})")
    if tether:
        for i, j in product(np.flatnonzero(atoms.symbols == "Li"), np.flatnonzero(atoms.symbols == "P")):
            if atoms.get_distance(i, j, mic=True) < 1.2 * TETHER:
                bonds[i].append(f"{j}({len(lengths) + 1})")
    atoms.set_array("bonds", np.array([",".join(some) or "_" for some in bonds]))
    charges = {"B": -0.4, "H": -0.15, "P": -0.2, "S": -0.2, "Li": 1.0}
    symbols = atoms.get_chemical_symbols()
    charges["Li"] = -sum(charges[kind] for kind in symbols if kind != "Li") / symbols.count("Li")
    return LammpsPotential(
        atom_style="full",
        charges=tuple(charges[kind] for kind in KINDS),
        commands=(
            "bond_style harmonic",
            *(f"bond_coeff {number} {_STIFFNESS / 2} {length}" for length, number in lengths.items()),
            *([f"bond_coeff {len(lengths) + 1} {tether / 2} {TETHER}"] if tether else []),
            f"pair_style lj/cut/coul/dsf 0.2 {_CUTOFF}",
            *(
                f"pair_coeff {i + 1} {j + 1} 0.004 {(_DIAMETERS[KINDS[i]] + _DIAMETERS[KINDS[j]]) / 2}"
                for i in range(len(KINDS))
                for j in range(i, len(KINDS))
            ),
            "pair_modify shift yes",
            "special_bonds lj/coul 0 1 1",
        ),
    )


def lammps_constraint(atoms, settings):
    if settings.constraint is None:
        return None
    return LammpsConstraint(
        settings.constraint, eckart_frames(atoms, settings.mobile, settings.constraint), settings.timestep
    )


def data_file(atoms, field, constraint):
    host = lammps.host_of(atoms, MOBILE)
    return lammps.data_file(atoms.copy(), KINDS, field.charges, field.atom_style, host, constraint)


def turns_and_shifts(run, trajectory):
    """Return the largest turn of a body from its reference, in rad, and shift of a centre, in Å, frame by frame."""
    turns, shifts = [], []
    for frame in run.frames:
        positions = np.asarray(trajectory.positions[:, frame.atoms])
        centres = np.einsum("n,tnx->tx", frame.masses, positions) / frame.masses.sum()
        rotations = best_rotation(frame.reference, positions - centres[:, None], frame.masses)
        turns.append(np.linalg.norm(rotations - np.eye(3), axis=(1, 2)) / np.sqrt(2.0))
        # A body that is cut by the boundary may be written in another image.
        box = np.diag(trajectory.cell)
        away = centres - frame.centre
        shifts.append(np.linalg.norm(away - box * np.rint(away[:1] / box), axis=1))
    return np.max(turns, axis=0), np.max(shifts, axis=0)
