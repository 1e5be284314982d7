"""What the files of a Chargemol job mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_superionic.calculations.chargemol import BOND_ORDERS_FILE, CHARGES_FILE
from aiida_superionic.parsers.chargemol_output import ChargemolError, Ddec6, read_ddec6
from aiida_superionic.parsers.files import FilesParser

_METHOD = "DDEC6"


class ChargemolParser(FilesParser):
    """Turns bond orders and net charges into nodes, or says why they cannot be used."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Store what the job left and return the exit code that says how it ended."""
        self.store_usage()
        if not self.has(BOND_ORDERS_FILE):
            return self.exit_codes.ERROR_NO_RESULTS.format(error=self._last_words())
        atoms = self.node.inputs.structure.get_ase()
        try:
            result = read_ddec6(
                self.text(BOND_ORDERS_FILE),
                self.text(CHARGES_FILE),
                tuple(atoms.get_chemical_symbols()),
                atoms.positions,
                atoms.cell.array,
                self.node.inputs.charge.value,
            )
        except ChargemolError as error:
            return self.exit_codes.ERROR_UNUSABLE_RESULTS.format(error=error)
        self._store(result, atoms.get_chemical_symbols())
        return None

    def _last_words(self) -> str:
        told = self.printed() + self.text(self.node.get_option("scheduler_stderr"))
        return next((line.strip() for line in reversed(told.splitlines()) if line.strip()), "it printed nothing")[:200]

    def _store(self, result: Ddec6, symbols: list[str]) -> None:
        bonds = orm.ArrayData(
            {"pairs": result.pairs, "images": result.images, "orders": result.orders, "sums": result.sums}
        )
        charges = orm.ArrayData({"charges": np.asarray(result.charges)})
        charges.base.attributes.set("units", {"charges": "e"})
        for node in (bonds, charges):
            node.base.attributes.set("method", _METHOD)
            node.base.attributes.set("symbols", symbols)
        self.out("bond_orders", bonds)
        self.out("charges", charges)
        self.out("output_parameters", orm.Dict({"electron_error": result.electron_error}))
