"""Bond orders and net charges of a valence density by DDEC6, with Chargemol.

The program is not ours to ship: who has it registers it as a code.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from ase.data import atomic_numbers

from aiida_superionic.calculations.cp2k_input import DENSITY_FILE
from aiida_superionic.calculations.usage import MeasuredCalcJob

JOB_FILE = "job_control.txt"
BOND_ORDERS_FILE = "DDEC6_even_tempered_bond_orders.xyz"
CHARGES_FILE = "DDEC6_even_tempered_net_atomic_charges.xyz"
_PERIODIC = "periodicity along A, B, and C vectors"


class ChargemolCalculation(MeasuredCalcJob):
    """Run Chargemol on the valence density that a CP2K job left in its folder."""

    # Raised when a parser's meaning changes, so that caching forgets results read the old way.
    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare the ports and exit codes."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "superionic.chargemol"
        options["input_filename"].default = JOB_FILE
        options["output_filename"].default = "chargemol.out"
        options["withmpi"].default = False

        spec.input(
            "density",
            valid_type=orm.RemoteData,
            help=f"Folder of the CP2K job that wrote {DENSITY_FILE}, on every point of its grid, on the same computer.",
        )
        spec.input("structure", valid_type=orm.StructureData, help="The atoms of the density, in its order.")
        spec.input(
            "core_electrons",
            valid_type=orm.Dict,
            help="By species how many electrons the density lacks, those of the pseudopotential: 36 of Ag (q11).",
        )
        spec.input("charge", valid_type=orm.Float, default=lambda: orm.Float(0.0), help="Of the cell in e.")
        spec.input(
            "atomic_densities",
            valid_type=orm.Str,
            validator=cls.validate_atomic_densities,
            help="Folder on the computer that holds Chargemol's densities of free atoms.",
        )
        spec.inputs.validator = cls.validate_inputs

        spec.output(
            "bond_orders",
            valid_type=orm.ArrayData,
            required=False,
            help="Of each bond, once from each end: pairs, images of the second atom, orders; sums of each atom.",
        )
        spec.output("charges", valid_type=orm.ArrayData, required=False, help="Net charge of each atom.")
        spec.output("output_parameters", valid_type=orm.Dict, required=False, help="Error of the grid, in electrons.")

        spec.exit_code(
            300, "ERROR_NO_RESULTS", message="Chargemol left no bond orders: {error}", invalidates_cache=True
        )
        spec.exit_code(410, "ERROR_UNUSABLE_RESULTS", message="Chargemol's results cannot be used: {error}")

    @classmethod
    def validate_atomic_densities(cls, value: orm.Str, _: Any) -> str | None:
        """Check that the folder is told in full, as Chargemol wants it."""
        if not PurePosixPath(value.value).is_absolute():
            return f"atomic_densities is {value.value!r} where an absolute path is expected"
        return None

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the core electrons of every species are known."""
        if not {"structure", "core_electrons"} <= set(value):
            return None  # a missing input has its own message
        given = value["core_electrons"].get_dict()
        if missing := sorted(set(value["structure"].get_ase().symbols) - set(given)):
            return f"the number of core electrons of {', '.join(missing)} is missing"
        for kind, number in given.items():
            if kind not in atomic_numbers or not isinstance(number, int) or not 0 <= number < atomic_numbers[kind]:
                return f"core electrons of {kind}: {number!r} where a number below its atomic number is expected"
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what is to be computed, and link the density in."""
        with folder.open(JOB_FILE, "w") as handle:
            handle.write(
                job_control(
                    self.inputs.core_electrons.get_dict(), self.inputs.charge.value, self.inputs.atomic_densities.value
                )
            )
        density = self.inputs.density
        info = self.measured_run([])
        info.remote_symlink_list = [
            (density.computer.uuid, str(PurePosixPath(density.get_remote_path()) / DENSITY_FILE), DENSITY_FILE)
        ]
        # What Chargemol itself says goes into a file that is named after the density's.
        told = PurePosixPath(DENSITY_FILE).with_suffix(".output").name
        info.retrieve_list += [told, BOND_ORDERS_FILE, CHARGES_FILE]
        return info


def job_control(core_electrons: dict[str, int], charge: float, atomic_densities: str) -> str:
    """Return Chargemol's input file.

    Parameters
    ----------
    core_electrons
        By species.
    charge
        Of the cell in e.
    atomic_densities
        Folder of the densities of free atoms.
    """
    cores = sorted((atomic_numbers[kind], number) for kind, number in core_electrons.items())
    sections = {
        "net charge": [f"{charge}"],
        _PERIODIC: [".true."] * 3,
        # Chargemol joins the names of files to it as it stands.
        "atomic densities directory complete path": [f"{atomic_densities.rstrip('/')}/"],
        "input filename": [DENSITY_FILE],
        "charge type": ["DDEC6"],
        "compute BOs": [".true."],
        "number of core electrons": [f"{number} {electrons}" for number, electrons in cores],
    }
    return "\n".join("\n".join([f"<{name}>", *lines, f"</{name}>", ""]) for name, lines in sections.items())
