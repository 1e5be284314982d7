"""What the files of ``superionic-lattice`` mean."""

from __future__ import annotations

from typing import ClassVar

from aiida_superionic.lattice.script import PROGRAM
from aiida_superionic.parsers.analyse import AnalyseParser


class LatticeParser(AnalyseParser):
    """Turns the results file into nodes, as that of an analysis."""

    PROGRAM: ClassVar = PROGRAM
    FAILURES: ClassVar = {
        "input": "ERROR_BAD_INPUT",
        "model": "ERROR_NO_MODEL",
        "motion": "ERROR_MOTION_BROKE_OFF",
    }
