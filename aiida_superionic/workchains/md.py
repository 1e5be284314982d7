"""Molecular dynamics of one structure at one temperature: equilibrate, then produce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common.datastructures import StashMode
from aiida.engine import ExitCode, ProcessBuilderNamespace, ToContext, WorkChain, if_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.calculations import explosion
from aiida_superionic.calculations.cp2k_md import Cp2kMdCalculation
from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.calculations.dynamics import STASHED
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.cp2k_md import Cp2kMdBaseWorkChain
from aiida_superionic.workchains.dft import cp2k_inputs
from aiida_superionic.workchains.lammps import LammpsBaseWorkChain
from aiida_superionic.workchains.protocol import ProtocolError, first_fault, protocol_settings
from aiida_superionic.workchains.reason import reason_of
from aiida_superionic.workchains.stage import StageWorkChain

_SHARED = {"lammps": ("structure", "potential", "seed"), "cp2k": ("structure", "seed")}
_SET_HERE = {
    "lammps": ("parent_folder", "start", "crystal", "committee"),
    "cp2k": ("parent_folder", "start", "velocities"),
}
_WORKCHAINS = {"lammps": LammpsBaseWorkChain, "cp2k": Cp2kMdBaseWorkChain}
_CALCULATIONS = {"lammps": LammpsCalculation, "cp2k": Cp2kMdCalculation}
# Each look opens a connection to the computer. A job of CP2K takes hours and has no limit of its own.
_WATCH_INTERVALS = {"lammps": None, "cp2k": 600}
STAGES = ("equilibration", "constrained_equilibration", "production")
TIMES = {"lammps": "md", "cp2k": "ab_initio_md"}
"""By engine, the protocols of the times of a run."""
MICROCANONICAL, CANONICAL = "nve", "nvt"


def stage_settings(
    times: Mapping[str, float],
    temperature: float,
    mobile: Sequence[str],
    constraint: Constraint | None = None,
    formal_charges: Mapping[str, float] | None = None,
    *,
    ensemble: str = MICROCANONICAL,
    equilibrated: bool = False,
) -> dict[str, MdSettings]:
    """Return the settings of each stage of :class:`MdWorkChain`.

    Where motions are held, an equilibration without constraints comes first, so that what is held is held as it is in
    the hot crystal. The first half of the constrained one is Langevin dynamics: a Nosé–Hoover chain alone does not
    bring the few motions that are left to one temperature.

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
    formal_charges
        Of species, in elementary charges; not known if absent.
    ensemble
        Of the production, ``nve`` or ``nvt``.
    equilibrated
        Whether the structure is a frame of an unconstrained run, which needs no such equilibration.

    Raises
    ------
    aiida_superionic.workchains.protocol.ProtocolError
        If the settings do not fit together.
    """
    own = ("equilibration", "production", "sampling_interval")
    common: dict[str, Any] = {key: value for key, value in times.items() if key not in own}
    common |= {"temperature": temperature, "mobile": tuple(mobile), "formal_charges": dict(formal_charges or {})}
    equilibration = {**common, "ensemble": "nvt", "duration": times["equilibration"]}
    stages = {} if equilibrated else {"equilibration": equilibration}
    if constraint is not None:
        half = round(times["equilibration"] / times["timestep"]) // 2 * times["timestep"]
        held = {"constraint": constraint, "langevin_duration": half}
        stages["constrained_equilibration"] = {**equilibration, **held}
    stages["production"] = {
        **common,
        "constraint": constraint,
        "ensemble": ensemble,
        "duration": times["production"],
        "sampling_interval": times["sampling_interval"],
    }
    settings = {}
    for stage, given in stages.items():
        try:
            settings[stage] = MdSettings.model_validate(given)
        except ValidationError as error:
            raise ProtocolError(first_fault(stage, error)) from None
    return settings


class MdWorkChain(ContinuedOnce, WorkChain):
    """Equilibrate in the canonical ensemble, then produce in it, or in the microcanonical one at the mean energy.

    A constrained run equilibrates without constraints first, and then with them from the last frame of that. Where the
    structure is such a frame already, the inputs of the first stage are left out, and ``crystal`` tells the polyanions.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        for stage in STAGES:
            for engine, workchain in _WORKCHAINS.items():
                excluded = [f"{engine}.{port}" for port in (*_SHARED[engine], *_SET_HERE[engine])]
                spec.expose_inputs(workchain, namespace=stage, exclude=excluded)
            optional = [spec.inputs[stage][engine] for engine in _WORKCHAINS]
            # Not told as options: what is exposed second would set them back.
            for namespace in optional if stage == "production" else [spec.inputs[stage], *optional]:
                namespace.required = namespace.populate_defaults = False
        spec.input("structure", valid_type=orm.StructureData, help="Where the ions start.")
        spec.input(
            "crystal",
            valid_type=orm.StructureData,
            required=False,
            help="The same atoms in their crystal, in which polyanions to constrain are found; structure if absent.",
        )
        spec.input(
            "potential", valid_type=PotentialData, required=False, help="What gives the forces, where LAMMPS runs."
        )
        spec.input_namespace(
            "committee",
            valid_type=PotentialData,
            required=False,
            help="Others of the potential's family: how far they all are from one another is written along the run.",
        )
        spec.input("seed", valid_type=orm.Int, help="Of the starting velocities.")
        spec.inputs.validator = cls.validate_inputs
        for workchain in _WORKCHAINS.values():
            spec.expose_outputs(workchain)
        spec.outline(
            if_(cls.has_equilibration)(cls.equilibrate),
            if_(cls.is_constrained)(cls.equilibrate_constrained),
            cls.produce,
            cls.finish,
        )
        spec.exit_code(401, "ERROR_EQUILIBRATION_FAILED", message="The equilibration failed: {reason}")
        spec.exit_code(402, "ERROR_PRODUCTION_FAILED", message="The production failed: {reason}")
        spec.exit_code(
            403, "ERROR_CONSTRAINED_EQUILIBRATION_FAILED", message="The constrained equilibration failed: {reason}"
        )

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is an equilibration, and that the inputs of each stage fit what the stages share."""
        if not {"equilibration", "constrained_equilibration"} & set(value):
            return "neither equilibration nor constrained_equilibration is given"
        engines = {engine for stage in STAGES for engine in _WORKCHAINS if engine in value.get(stage, {})}
        if len(engines) != 1:
            return f"the stages are run by one engine, {' or '.join(_WORKCHAINS)}, and the inputs name {len(engines)}"
        engine = engines.pop()
        if ("potential" in value) != (engine == "lammps"):
            return "potential is missing" if engine == "lammps" else "CP2K takes a level of theory and no potential"
        if value.get("committee") and engine != "lammps":
            return "a committee is one of potentials, which CP2K does not take"
        shared = {port: value[port] for port in (*_SHARED[engine], "committee") if port in value}
        if "crystal" in value:
            # What is constrained is told by the crystal; the structure may be a hot frame, or not be made yet.
            shared["structure"] = value["crystal"]
        for stage in STAGES:
            told = _CALCULATIONS[engine].validate_inputs({**value.get(stage, {}).get(engine, {}), **shared}, None)
            if told is not None:
                return f"{stage}: {told}"
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData | LevelOfTheory,
        *,
        temperature: float,
        mobile: list[str],
        seed: int,
        constraint: Constraint | None = None,
        crystal: orm.StructureData | None = None,
        formal_charges: Mapping[str, float] | None = None,
        ensemble: str = MICROCANONICAL,
        committee: Sequence[PotentialData] = (),
        deviation_limit: float | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        watch_interval: int | None = None,
        stash: str | None = None,
        into: ProcessBuilderNamespace | None = None,
    ) -> ProcessBuilderNamespace:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code
            LAMMPS, or CP2K.
        structure
            What is simulated.
        potential
            What gives the forces: a potential in LAMMPS, or a level of theory in CP2K.
        temperature
            In K.
        mobile
            The species meant to diffuse.
        seed
            Of the starting velocities.
        constraint
            The motions held fixed; None where there are none.
        crystal
            The same atoms in their crystal, where the structure is a frame of an unconstrained run: its polyanions are
            held from there on, without another equilibration.
        formal_charges
            Of species, in elementary charges; the conductivity needs those of the mobile ones.
        ensemble
            Of the production, ``nve`` or ``nvt``.
        committee
            Others of the potential's family, whose deviations from it and one another are written along the run.
        deviation_limit
            Of the force on any atom in the committee, in eV/Å, above which the run fails.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units (times in ps).
        options
            ``metadata.options`` of the jobs: resources, walltime.
        watch_interval
            Seconds at least between two looks at a running job, which is killed when its dynamics explode. If absent,
            jobs of LAMMPS are not looked at: it ends itself where the host lattice breaks or an atom is lost.
        stash
            Absolute folder on the computer to which the trajectory is copied when its job has ended, so that the
            job's own folder can be cleaned.
        into
            The part of another workchain's builder that exposes these inputs, to be filled in place of a new builder,
            which takes longest of all.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or the settings do not fit together.
        """
        engine = "cp2k" if isinstance(potential, LevelOfTheory) else "lammps"
        times = protocol_settings(TIMES[engine], protocol, overrides)
        builder = cls.get_builder() if into is None else into
        builder.structure, builder.seed = structure, orm.Int(seed)
        if isinstance(potential, LevelOfTheory):
            given = cp2k_inputs(code, structure.get_symbols_set(), potential)
            given["level"] = given.pop("parameters")
        else:
            builder.potential, given = potential, {"code": code}
        if crystal is not None:
            builder.crystal = crystal
        if committee:
            builder.committee = {f"member_{number}": member for number, member in enumerate(committee, start=1)}
        limit = {} if deviation_limit is None else {"deviation_limit": deviation_limit}
        stages = stage_settings(
            times,
            temperature,
            mobile,
            constraint,
            formal_charges,
            ensemble=ensemble,
            equilibrated=crystal is not None,
        )
        for stage, settings in stages.items():
            job = builder[stage][engine]
            job._update(given, parameters=orm.Dict({**settings.model_dump(mode="json"), **limit}))
            job["metadata"]["options"]._update(options or {})
            if interval := watch_interval or _WATCH_INTERVALS[engine]:
                watched = {"entry_point": explosion.ENTRY_POINT, "minimum_poll_interval": interval}
                job["monitors"] = {"explosion": orm.Dict(watched)}
        if stash is not None:
            where = {"target_base": stash, "source_list": [STASHED], "stash_mode": StashMode.COPY.value}
            builder.production[engine]["metadata"]["options"]["stash"] = where
        return builder

    def has_equilibration(self) -> bool:
        """Return whether the run begins without constraints or has none."""
        return "equilibration" in self.inputs

    def is_constrained(self) -> bool:
        """Return whether motions are held."""
        return "constrained_equilibration" in self.inputs

    def equilibrate(self) -> ToContext:
        """Run the first stage, from the structure and random velocities."""
        return ToContext(last=self._submit("equilibration", {}))

    def equilibrate_constrained(self) -> ToContext | ExitCode:
        """Hold the motions from the last frame of the first stage on, or from the structure, with new velocities."""
        crystal = self.inputs.get("crystal", self.inputs.structure)
        self.ctx.held = {"structure": self.inputs.structure, "crystal": crystal}
        if "last" in self.ctx:
            if not self.ctx.last.is_finished_ok:
                return self.exit_codes.ERROR_EQUILIBRATION_FAILED.format(reason=reason_of(self.ctx.last))
            self.ctx.held["structure"] = self.ctx.last.outputs.structure
        try:
            return ToContext(last=self._submit("constrained_equilibration", self.ctx.held))
        except ValueError as error:  # a polyanion of the crystal came apart
            return self.exit_codes.ERROR_CONSTRAINED_EQUILIBRATION_FAILED.format(reason=error)

    def produce(self) -> ToContext | ExitCode:
        """Run the last stage, from the end of the one before, at its mean energy where that is to be conserved."""
        first = self.ctx.last
        if not first.is_finished_ok:
            code = "CONSTRAINED_EQUILIBRATION" if self.is_constrained() else "EQUILIBRATION"
            return self.exit_codes[f"ERROR_{code}_FAILED"].format(reason=reason_of(first))
        production = self.inputs.production[self._workchain().ENGINE]
        try:
            begun = self._workchain().production_after(first, production.parameters["ensemble"] == MICROCANONICAL)
        except ValueError as error:
            return self.exit_codes.ERROR_EQUILIBRATION_FAILED.format(reason=error)
        return ToContext(production=self._submit("production", {**begun, **self.ctx.get("held", {})}))

    def finish(self) -> ExitCode | None:
        """Attach the outputs of the production."""
        last = self.ctx.production
        if not last.is_finished_ok:
            return self.exit_codes.ERROR_PRODUCTION_FAILED.format(reason=reason_of(last))
        self.out_many(self.exposed_outputs(last, self._workchain()))
        return None

    def _workchain(self) -> type[StageWorkChain]:
        """Return what runs a stage with the engine that is given."""
        return next(workchain for engine, workchain in _WORKCHAINS.items() if engine in self.inputs.production)

    def _submit(self, stage: str, extra: dict[str, Any]) -> orm.WorkChainNode:
        workchain = self._workchain()
        inputs = self.exposed_inputs(workchain, stage)
        job = inputs[workchain.ENGINE]
        job.update({port: self.inputs[port] for port in _SHARED[workchain.ENGINE]}, **extra)
        if self.inputs.get("committee"):
            job.committee = self.inputs.committee
        inputs.metadata.call_link_label = stage
        job.metadata.label = f"{stage} of {self.inputs.structure.label or self.inputs.structure.pk}"
        return self.submit(workchain, **inputs)
