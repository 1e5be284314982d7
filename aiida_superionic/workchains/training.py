"""The training of one network, carried through the failures that can be mended, whichever engine trains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ProcessHandlerReport, process_handler
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.calculations.training import TrainingCalcJob
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.workchains.checkpoints import CheckpointWorkChain
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings

_CODES = TrainingCalcJob.exit_codes
_SLOWER = 4.0
_SLOWEST = 16.0


class TrainingWorkChain(CheckpointWorkChain):
    """The training of one network, continued from its checkpoints, and begun again slower where it does not learn."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the exit codes of its own."""
        super().define(spec)
        spec.exit_code(311, "ERROR_NOT_TRAINABLE", message="{reason} The learning rate was {rate}.")

    @classmethod
    def filled_builder(
        cls,
        code: orm.InstalledCode,
        dataset: DatasetData,
        seed: int,
        protocol: str,
        overrides: Mapping[str, Any] | None,
        options: Mapping[str, Any] | None,
    ) -> ProcessBuilder:
        """Return a builder filled from the protocol of the engine's name.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or a setting is not valid.
        """
        settings = protocol_settings(cls.ENGINE, protocol, dict(overrides or {}))
        try:
            cls._process_class.SETTINGS.model_validate(settings)
        except ValidationError as error:
            problem = error.errors()[0]
            raise ProtocolError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
        builder = cls.get_builder()
        job = builder[cls.ENGINE]
        job.code, job.dataset, job.seed, job.settings = code, dataset, orm.Int(seed), orm.Dict(settings)
        job["metadata"]["options"]._update(options or {})
        return builder

    @process_handler(priority=90, exit_codes=[_CODES.ERROR_NON_NUMERIC, _CODES.ERROR_NOTHING_LEARNED])
    def lower_learning_rate(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin the training again with a quarter of the learning rate, at most twice."""
        model = self._process_class.SETTINGS
        given, tried = (model.model_validate(one.settings.get_dict()) for one in (self.given(), self.ctx.inputs))
        rate = tried.learning_rate / _SLOWER
        if given.learning_rate > _SLOWEST * rate:
            return ProcessHandlerReport(
                True, self.exit_codes.ERROR_NOT_TRAINABLE.format(reason=node.exit_message, rate=tried.learning_rate)
            )
        self.report(f"{node.process_label}<{node.pk}>: {node.exit_message} It begins again with the rate {rate}.")
        inputs = self.given()
        inputs.settings = orm.Dict({**inputs.settings.get_dict(), "learning_rate": rate})
        self.ctx.inputs = inputs
        return ProcessHandlerReport(True)
