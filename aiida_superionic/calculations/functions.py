"""The small steps between jobs, each a node of its own on the graph."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_superionic.structures import materials
from aiida_superionic.structures.mobile_sites import with_every_site
from aiida_superionic.structures.supercell import make_supercell

_EQUILIBRATED_FROM = 0.5


@calcfunction
def make_structure(
    material: orm.Str, supercell: orm.List, seed: orm.Int, lattice_constants: orm.List | None = None
) -> orm.StructureData:
    """Make a supercell of a reference crystal, its disordered sites drawn with the seed.

    The lattice constants in Å are the measured ones if absent.
    """
    lengths = None if lattice_constants is None else tuple(lattice_constants.get_list())
    atoms = make_supercell(materials()[material.value], tuple(supercell.get_list()), seed.value, lengths)
    structure = orm.StructureData(ase=atoms)
    repeats = "x".join(str(count) for count in supercell.get_list())
    structure.label = f"{material.value} {repeats} seed {seed.value}"
    return structure


@calcfunction
def repeat_structure(structure: orm.StructureData, supercell: orm.List) -> orm.StructureData:
    """Repeat a structure along each vector of its cell."""
    repeated = orm.StructureData(ase=structure.get_ase().repeat(supercell.get_list()))
    repeated.label = f"{structure.label} {'x'.join(str(count) for count in supercell.get_list())}"
    return repeated


@calcfunction
def make_sites(structure: orm.StructureData, material: orm.Str, supercell: orm.List) -> orm.StructureData:
    """Return a supercell's host atoms and, after them, a mobile ion on every site of its reference crystal."""
    repeats = tuple(supercell.get_list())
    crystal = with_every_site(materials()[material.value], repeats, structure.get_ase())
    sites = orm.StructureData(ase=crystal)
    sites.label = f"sites of {structure.label}"
    return sites


@calcfunction
def begin_production(checkpoint: orm.Dict, thermo: orm.ArrayData | None = None) -> orm.Dict:
    """Begin a new stage at the end of another, at the mean total energy of the other's second half if that is given.

    A microcanonical run keeps the energy it starts with, so its temperature is that of one instant of the thermostat
    unless the energy is set to the mean. A canonical run goes on with the state of its thermostat.
    """
    energy = None if thermo is None else _mean_energy(thermo)
    return orm.Dict({"file": checkpoint["file"], "step": 0, "energy": energy, "trajectory": []})


@calcfunction
def velocities_at_mean_energy(velocities: orm.ArrayData, thermo: orm.ArrayData) -> orm.ArrayData | ExitCode:
    """Scale the velocities of a stage's last frame to the mean total energy of the stage's second half.

    As :func:`begin_production`, for an engine that does not scale them itself.
    """
    kinetic = _mean_energy(thermo) - thermo.get_array("potential_energy")[-1]
    if kinetic <= 0.0:
        return ExitCode(400, "The potential energy of the last frame is above the mean total energy.")
    scale = np.sqrt(kinetic / thermo.get_array("kinetic_energy")[-1])
    scaled = orm.ArrayData({"velocities": scale * velocities.get_array("velocities")})
    scaled.base.attributes.set("units", velocities.base.attributes.get("units"))
    return scaled


def _mean_energy(thermo: orm.ArrayData) -> float:
    energies = thermo.get_array("total_energy")
    return float(np.mean(energies[int(_EQUILIBRATED_FROM * len(energies)) :]))


@calcfunction
def join_thermo(**parts: orm.ArrayData) -> orm.ArrayData:
    """Join the thermodynamic output of the attempts at one stage; where they overlap, the later attempt counts."""
    joined = orm.ArrayData()
    ordered = [parts[key] for key in sorted(parts)]
    kept = []
    for index, part in enumerate(ordered):
        steps = part.get_array("step")
        ends = min((later.get_array("step")[0] for later in ordered[index + 1 :]), default=np.inf)
        kept.append(steps < ends)
    for name in ordered[0].get_arraynames():
        columns = [part.get_array(name)[keep] for part, keep in zip(ordered, kept, strict=True)]
        joined.set_array(name, np.concatenate(columns))
    joined.base.attributes.set("units", ordered[0].base.attributes.get("units"))
    return joined
