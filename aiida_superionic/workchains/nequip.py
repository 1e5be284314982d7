"""The training of one network of NequIP."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_superionic.calculations.nequip import NequipCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.workchains.training import TrainingWorkChain


class NequipBaseWorkChain(TrainingWorkChain):
    """The training of one network with NequIP."""

    _process_class = NequipCalculation
    ENGINE = "nequip"

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.InstalledCode,
        compile_code: orm.InstalledCode,
        dataset: DatasetData,
        *,
        seed: int = 1,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code, compile_code
            ``nequip-train`` and ``nequip-compile``.
        dataset
            Labelled frames, divided into subsets.
        seed
            Of the weights and of the order of the frames.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace: fields of :class:`NequipSettings`.
        options
            ``metadata.options`` of the jobs: resources, walltime.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or a setting is not valid.
        """
        builder = cls.filled_builder(code, dataset, seed, protocol, overrides, options)
        builder.nequip.compile_code = compile_code
        return builder
