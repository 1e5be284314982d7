"""Molecular dynamics of one structure at one temperature: equilibrate, then produce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.calculations.functions import begin_production
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.lammps import LammpsBaseWorkChain
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings

_SHARED = ("structure", "potential", "seed")
_SET_HERE = ("parent_folder", "start")


def stage_settings(
    times: Mapping[str, float], temperature: float, mobile: Sequence[str], constraint: Constraint | None = None
) -> dict[str, MdSettings]:
    """Return the settings of each stage of :class:`MdWorkChain`.

    Where motions are held, the first half of the equilibration is Langevin dynamics: a Nosé–Hoover chain alone does
    not bring the few motions that are left to one temperature.

    Parameters
    ----------
    times
        The settings of a protocol, in ps.
    temperature
        In K.
    mobile
        The species meant to diffuse.
    constraint
        The motions held fixed; None where there are none.

    Raises
    ------
    aiida_superionic.workchains.protocol.ProtocolError
        If the settings do not fit together.
    """
    own = ("equilibration", "production", "sampling_interval")
    common: dict[str, Any] = {key: value for key, value in times.items() if key not in own}
    common |= {"temperature": temperature, "mobile": tuple(mobile), "constraint": constraint}
    stages = {
        "equilibration": {**common, "ensemble": "nvt", "duration": times["equilibration"]},
        "production": {
            **common,
            "ensemble": "nve",
            "duration": times["production"],
            "sampling_interval": times["sampling_interval"],
        },
    }
    if constraint is not None:
        half = round(times["equilibration"] / times["timestep"]) // 2 * times["timestep"]
        stages["equilibration"]["langevin_duration"] = half
    settings = {}
    for stage, given in stages.items():
        try:
            settings[stage] = MdSettings.model_validate(given)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ": ".join([stage, *map(str, problem["loc"])])
            raise ProtocolError(f"{where}: {problem['msg'].removeprefix('Value error, ')}") from None
    return settings


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
        constraint: Constraint | None = None,
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
        constraint
            The motions held fixed; None where there are none.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units (times in ps).
        options
            ``metadata.options`` of the jobs: resources, walltime.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or the settings do not fit together.
        """
        times = protocol_settings("md", protocol, overrides)
        builder = cls.get_builder()
        builder.structure, builder.potential, builder.seed = structure, potential, orm.Int(seed)
        for stage, settings in stage_settings(times, temperature, mobile, constraint).items():
            lammps = builder[stage]["lammps"]
            lammps["code"] = code
            lammps["parameters"] = orm.Dict(settings.model_dump(mode="json"))
            lammps["metadata"]["options"]._update(options or {})
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
        return ToContext(
            production=self._submit("production", {"parent_folder": first.outputs.remote_folder, "start": start})
        )

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
