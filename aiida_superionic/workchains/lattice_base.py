"""One experiment on ions in a harmonic crystal, carried on with shorter steps where its motion breaks off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ProcessBuilder, ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.calculations.lattice import LatticeCalculation, complete_request
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.data.point import PointData
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings

DIFFUSION = "diffusion"
_CODES = LatticeCalculation.exit_codes
_RECOVERABLE_FROM = 400
_LONGEST_SHORTENING = 4.0


class LatticeBaseWorkChain(ContinuedOnce, BaseRestartWorkChain):
    """One experiment, begun again with half the timestep where an ion's motion breaks off."""

    _process_class = LatticeCalculation

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(LatticeCalculation, namespace="lattice")
        spec.input(
            "point", valid_type=PointData, required=False, help="The point of a campaign that this is an attempt at."
        )
        spec.expose_outputs(LatticeCalculation)
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_process, cls.inspect_process), cls.results)
        spec.exit_code(300, "ERROR_UNRECOVERABLE_FAILURE", message="{reason}")
        spec.exit_code(311, "ERROR_BREAKS_OFF", message="Down to a timestep of {timestep} ps: {reason}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="{reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        model: Mapping[str, Any],
        *,
        temperature: float,
        seed: int,
        version: str,
        species: str = "ion",
        crystal: orm.SinglefileData | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder of the diffusion of ions, filled from a protocol.

        Parameters
        ----------
        code
            ``superionic-lattice``.
        model
            The crystal, the ion and what acts between them, as
            :class:`aiida_superionic.lattice.request.ModelRequest` takes them.
        temperature
            In K.
        seed
            Of thermal motion and of the cells that ions start in.
        version
            Version of the script that ``code`` runs.
        species
            That names the results.
        crystal
            A file that holds the crystal, where ``model`` has none.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace: equations, cells, ions, statistics, and times in ps.
        options
            ``metadata.options`` of the job: resources, walltime.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or a setting is not valid.
        """
        settings = protocol_settings("lattice", protocol, overrides)
        asked = {"temperature": temperature, "seed": seed, "species": species}
        try:
            parameters = complete_request(DIFFUSION, {**model, **settings, **asked}, crystal)
        except ParameterError as error:
            raise ProtocolError(str(error)) from None
        builder = cls.get_builder()
        job = builder.lattice
        job.code, job.version, job.experiment = code, orm.Str(version), orm.Str(DIFFUSION)
        if crystal is not None:
            job.crystal = crystal
            del parameters["crystal"]
        job.parameters = orm.Dict(parameters)
        job["metadata"]["options"]._update(options or {})
        return builder

    def setup(self) -> None:
        """Take the inputs of the first attempt."""
        super().setup()
        self.ctx.inputs = self.exposed_inputs(LatticeCalculation, "lattice")

    @process_handler(priority=200)
    def stop_on_critical_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop, and say why, where a failure is not one that another attempt can mend."""
        if node.is_finished_ok or node.exit_status >= _RECOVERABLE_FROM:
            return None
        return ProcessHandlerReport(True, self.exit_codes.ERROR_UNRECOVERABLE_FAILURE.format(reason=node.exit_message))

    @process_handler(priority=100, exit_codes=_CODES.ERROR_MOTION_BROKE_OFF)
    def halve_timestep(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin again with half the timestep, at most twice; what was a multiple of it still is."""
        given, tried = (_timestep(one) for one in (self.inputs.lattice, self.ctx.inputs))
        shorter = tried / 2.0
        if given > _LONGEST_SHORTENING * shorter:
            code = self.exit_codes.ERROR_BREAKS_OFF
            return ProcessHandlerReport(True, code.format(reason=node.exit_message, timestep=tried))
        self.report(f"{node.process_label}<{node.pk}> broke off; it begins again with a timestep of {shorter} ps")
        parameters = self.inputs.lattice.parameters.get_dict()
        self.ctx.inputs.parameters = orm.Dict({**parameters, "timestep": shorter})
        return ProcessHandlerReport(True)

    @process_handler(priority=90, exit_codes=_CODES.ERROR_NOT_CONVERGED)
    def keep_what_there_is(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """End with the outputs and the reason where the run does not determine a number: it would be the same again."""
        self.ctx.is_finished = True
        self.results()
        return ProcessHandlerReport(True, self.exit_codes.ERROR_NOT_CONVERGED.format(reason=node.exit_message))


def _timestep(inputs: Mapping[str, Any]) -> float:
    """Return the timestep in ps that a job was given, or took by default."""
    request = complete_request(inputs["experiment"].value, inputs["parameters"].get_dict(), inputs.get("crystal"))
    return float(request["timestep"])
