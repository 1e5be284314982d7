"""Crystals without symmetry, and what their force constants are in a periodic supercell, as phonopy writes them."""

import numpy as np

from aiida_superionic.lattice.crystal import Crystal, simple_cubic
from aiida_superionic.lattice.force_constants import Supercell

CUBIC = simple_cubic(3.0, 33.77, 0.52, 0.17)
ANY_MOMENTA = np.random.default_rng(5).uniform(-0.5, 0.5, (40, 3))


def two_atom_crystal(seed=7, atoms=2):
    """Return a crystal of a skew cell: stiff, different springs to cells around, no direction like another."""
    generator = np.random.default_rng(seed)
    lattice = 4.0 * np.eye(3) + generator.uniform(-0.4, 0.4, (3, 3))
    basis = (np.arange(atoms)[:, None] / atoms + generator.uniform(-0.05, 0.05, (atoms, 3))) @ lattice
    bonds = [((0, 0, 0), a, b) for a in range(atoms) for b in range(a)]
    bonds += [
        (cell, a, b)
        for cell in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0))
        for a in range(atoms)
        for b in range(atoms)
    ]
    blocks = {}
    for cell, a, b in bonds:
        root = generator.normal(size=(3, 3))
        spring = 0.3 * root @ root.T + 0.1 * np.eye(3)
        back = tuple(-x for x in cell)
        for where, i, j, value in (
            (cell, a, b, -spring), (back, b, a, -spring), ((0, 0, 0), a, a, spring), ((0, 0, 0), b, b, spring),
        ):  # fmt: skip
            blocks.setdefault(where, np.zeros((atoms, 3, atoms, 3)))[i, :, j] += value
    masses = generator.uniform(10.0, 60.0, atoms)
    return Crystal(lattice, basis, masses, np.array(list(blocks)), np.array(list(blocks.values())))


def supercell_of(crystal, matrix, seed=3, rows=None):
    """Return the supercell of a crystal: its atoms in any order, couplings summed over images."""
    matrix = np.array(matrix) if np.ndim(matrix) == 2 else np.diag(matrix)
    reach = range(-12, 13)
    every = np.array([(i, j, k) for i in reach for j in reach for k in reach])
    inverse = np.linalg.inv(matrix)
    inside = every[np.all((every @ inverse > -1e-9) & (every @ inverse < 1.0 - 1e-9), axis=1)]
    atoms = [(tuple(cell), a) for cell in inside.tolist() for a in range(len(crystal.masses))]
    atoms = [atoms[k] for k in np.random.default_rng(seed).permutation(len(atoms))]
    number = {atom: k for k, atom in enumerate(atoms)}
    constants = np.zeros((len(atoms), len(atoms), 3, 3))
    for (cell, a), i in number.items():
        for displacement, block in zip(crystal.cells, crystal.force_constants, strict=True):
            target = np.array(cell) + displacement
            target = target - np.floor(target @ inverse + 1e-9).astype(int) @ matrix
            for b in range(len(crystal.masses)):
                constants[i, number[tuple(target.tolist()), b]] += block[a, :, b]
    positions = np.array([np.array(cell) @ crystal.lattice + crystal.basis[a] for cell, a in atoms])
    rows = np.arange(len(atoms)) if rows is None else np.array(rows)
    if len(rows) < len(atoms):
        rows = np.array([next(k for k, (_, a) in enumerate(atoms) if a == kind) for kind in range(len(crystal.masses))])
    box = matrix @ crystal.lattice
    return Supercell(crystal.lattice, crystal.basis, crystal.masses, box, positions, rows, constants[rows])


def write_phonopy(folder, supercell, text=True, name="phonopy.yaml", **units):
    """Write a supercell as phonopy does, with force constants in a file of their own or among the cells."""
    kinds = np.argmin(
        np.linalg.norm(_wrapped(supercell.positions[:, None] - supercell.basis, supercell.lattice), axis=-1), axis=1
    )
    first = [int(np.argmax(kinds == kind)) for kind in kinds]
    lines = ["phonopy:", "  version: 2.20.0", "", "physical_unit:", '  atomic_mass: "AMU"']
    lines += [f'  {key}: "{value}"' for key, value in units.items()]
    lines += ["", "primitive_cell:", *_cell(supercell.lattice, supercell.basis, supercell.masses)]
    lines += ["", "supercell:", *_cell(supercell.box, supercell.positions, supercell.masses[kinds], first)]
    lines += ["", "displacements:", "- atom: 1", "  displacement:", "    [ 0.01, 0.0, 0.0 ]", ""]
    count, atoms = supercell.force_constants.shape[:2]
    rows = [
        [" ".join(f"{x:.17g}" for x in line) for line in block] for block in supercell.force_constants.reshape(-1, 3, 3)
    ]
    if text:
        pairs = [(i + 1, j + 1) for i in supercell.rows for j in range(atoms)]
        blocks = "".join(f"{i} {j}\n" + "\n".join(block) + "\n" for (i, j), block in zip(pairs, rows, strict=True))
        (folder / "FORCE_CONSTANTS").write_text(f"{count:4d} {atoms:4d}\n{blocks}")
    else:
        lines += ["force_constants:", '  format: "compact"', f"  shape: [ {count}, {atoms} ]", "  elements:"]
        for k, block in enumerate(rows):
            lines += [f"  - # ({k // atoms + 1}, {k % atoms + 1})"]
            lines += [f"    - [ {line.replace(' ', ', ')} ]" for line in block]
    (folder / name).write_text("\n".join(lines) + "\n")


def _wrapped(apart, lattice):
    fractions = apart @ np.linalg.inv(lattice)
    return (fractions - np.rint(fractions)) @ lattice


def _cell(lattice, positions, masses, reduced=None):
    lines = ["  lattice:", *(f"  - [ {', '.join(f'{x:.17g}' for x in row)} ] # x" for row in lattice), "  points:"]
    for k, (place, mass) in enumerate(zip(positions @ np.linalg.inv(lattice), masses, strict=True)):
        lines += [f"  - symbol: X # {k + 1}", f"    coordinates: [ {', '.join(f'{x:.17g}' for x in place)} ]"]
        lines += [f"    mass: {mass:.17g}"] + ([f"    reduced_to: {reduced[k] + 1}"] if reduced else [])
    return lines
