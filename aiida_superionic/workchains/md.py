"""Molecular dynamics of one structure at one temperature: equilibrate, then produce."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.functions import begin_production
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.lammps import LammpsBaseWorkChain
from aiida_superionic.workchains.protocol import protocol_settings

_SHARED = ("structure", "potential", "seed")
_SET_HERE = ("parent_folder", "start")


class MdWorkChain(WorkChain):
    """Equilibrate in the canonical ensemble, then produce in the microcanonical one at the mean energy."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        excluded = [f"lammps.{port}" for port in (*_SHARED, *_SET_HERE)]
        for stage in ("equilibration", "production"):
            spec.expose_inputs(LammpsBaseWorkChain, namespace=stage, exclude=excluded)
        spec.input("structure", valid_type=orm.StructureData, help="Where the ions start.")
        spec.input("potential", valid_type=PotentialData, help="What gives the forces.")
        spec.input("seed", valid_type=orm.Int, help="Of the starting velocities.")
        spec.expose_outputs(LammpsBaseWorkChain)
        spec.outline(cls.equilibrate, cls.produce, cls.finish)
        spec.exit_code(401, "ERROR_EQUILIBRATION_FAILED", message="The equilibration failed: {reason}")
        spec.exit_code(402, "ERROR_PRODUCTION_FAILED", message="The production failed: {reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData,
        *,
        temperature: float,
        mobile: list[str],
        seed: int,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code
            LAMMPS.
        structure, potential
            What is simulated.
        temperature
            In K.
        mobile
            The species meant to diffuse.
        seed
            Of the starting velocities.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units (times in ps).
        options
            ``metadata.options`` of the jobs: resources, walltime.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown.
        ValueError
            If the settings are not valid together.
        """
        settings = protocol_settings("md", protocol, overrides)
        settings.pop("description")
        durations = {stage: settings.pop(stage) for stage in ("equilibration", "production")}
        sampling = settings.pop("sampling_interval")
        common = {**settings, "temperature": temperature, "mobile": mobile}
        stages = {
            "equilibration": {**common, "ensemble": "nvt", "duration": durations["equilibration"]},
            "production": {
                **common,
                "ensemble": "nve",
                "duration": durations["production"],
                "sampling_interval": sampling,
            },
        }
        builder = cls.get_builder()
        builder.structure, builder.potential, builder.seed = structure, potential, orm.Int(seed)
        for stage, parameters in stages.items():
            lammps = builder[stage]["lammps"]
            lammps["code"] = code
            lammps["parameters"] = orm.Dict(MdSettings.model_validate(parameters).model_dump(mode="json"))
            lammps["metadata"]["options"] = dict(options or {})
        return builder

    def equilibrate(self) -> ToContext:
        """Run the first stage, from the structure and random velocities."""
        return ToContext(equilibration=self._submit("equilibration", {}))

    def produce(self) -> ToContext | ExitCode:
        """Run the second stage, from the end of the first and at its mean energy."""
        first = self.ctx.equilibration
        if not first.is_finished_ok:
            return self.exit_codes.ERROR_EQUILIBRATION_FAILED.format(reason=_reason(first))
        start = begin_production(first.outputs.checkpoint, first.outputs.thermo)
        return ToContext(production=self._submit("production", {"parent_folder": first.outputs.remote_folder, "start": start}))

    def finish(self) -> ExitCode | None:
        """Attach the outputs of the production."""
        last = self.ctx.production
        if not last.is_finished_ok:
            return self.exit_codes.ERROR_PRODUCTION_FAILED.format(reason=_reason(last))
        self.out_many(self.exposed_outputs(last, LammpsBaseWorkChain))
        return None

    def _submit(self, stage: str, extra: dict[str, Any]) -> orm.WorkChainNode:
        inputs = self.exposed_inputs(LammpsBaseWorkChain, stage)
        inputs.lammps.update({port: self.inputs[port] for port in _SHARED}, **extra)
        inputs.metadata.call_link_label = stage
        inputs.lammps.metadata.label = f"{stage} of {self.inputs.structure.label or self.inputs.structure.pk}"
        return self.submit(LammpsBaseWorkChain, **inputs)


def _reason(node: orm.ProcessNode) -> str:
    return str(node.exit_message or node.process_state.value)
