"""One stage of molecular dynamics with LAMMPS."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_superionic.calculations.functions import begin_production
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.workchains.stage import StageWorkChain


class LammpsBaseWorkChain(StageWorkChain):
    """One stage of molecular dynamics with LAMMPS."""

    _process_class = LammpsCalculation
    ENGINE = "lammps"

    @classmethod
    def production_after(cls, equilibration: orm.WorkChainNode, conserved: bool) -> dict[str, Any]:
        """Return the inputs that begin a stage at the end of another."""
        ended = equilibration.outputs
        start = begin_production(ended.checkpoint, **({"thermo": ended.thermo} if conserved else {}))
        return {"parent_folder": ended.remote_folder, "start": start}
