"""The training of one deep potential."""

from __future__ import annotations

from aiida_superionic.calculations.deepmd import DeepmdCalculation
from aiida_superionic.workchains.training import TrainingWorkChain


class DeepmdBaseWorkChain(TrainingWorkChain):
    """The training of one deep potential with DeePMD-kit."""

    _process_class = DeepmdCalculation
    ENGINE = "deepmd"
