"""The training of one deep potential."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_superionic.calculations.deepmd import DeepmdCalculation
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.workchains.training import TrainingWorkChain


class DeepmdBaseWorkChain(TrainingWorkChain):
    """The training of one deep potential with DeePMD-kit."""

    _process_class = DeepmdCalculation
    ENGINE = "deepmd"

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.InstalledCode,
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
        code
            ``dp``.
        dataset
            Labelled frames, divided into subsets.
        seed
            Of the networks and of the order of the frames.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace: fields of
            :class:`aiida_superionic.learning.deepmd.DeepmdSettings`.
        options
            ``metadata.options`` of the jobs: resources, walltime.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or a setting is not valid.
        """
        return cls.filled_builder(code, dataset, seed, protocol, overrides, options)
