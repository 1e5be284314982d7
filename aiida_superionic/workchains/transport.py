"""One point: molecular dynamics, then the observables of its trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.analysis.needs import routine_observables
from aiida_superionic.analysis.registry import observables as known_observables
from aiida_superionic.calculations.analyse import AnalyseCalculation, what_dynamics_hold
from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.calculations.lammps import constraint_on
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.constraints.lammps import LammpsConstraint
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.md import MICROCANONICAL, MdWorkChain
from aiida_superionic.workchains.reason import reason_of


class TransportWorkChain(ContinuedOnce, WorkChain):
    """Run molecular dynamics and compute observables next to its trajectory."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(MdWorkChain, namespace="md")
        spec.expose_inputs(AnalyseCalculation, namespace="analyse", exclude=["trajectory"])
        spec.input(
            "point", valid_type=PointData, required=False, help="The point of a campaign that this is an attempt at."
        )
        spec.input(
            "clean_workdir", valid_type=orm.Bool, default=lambda: orm.Bool(False), help="Clean the folders of the jobs."
        )
        spec.expose_outputs(MdWorkChain, include=["trajectory", "thermo", "structure", "results"])
        spec.expose_outputs(AnalyseCalculation, include=["observables", "curves", "files", "report"])
        spec.outline(cls.run_dynamics, cls.analyse, cls.finish)
        spec.exit_code(210, "ERROR_IMPOSSIBLE_REQUEST", message="{reason}")
        spec.exit_code(401, "ERROR_DYNAMICS_FAILED", message="{reason}")
        spec.exit_code(402, "ERROR_ANALYSIS_FAILED", message="The analysis failed: {reason}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="{reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        analysis_code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData | LevelOfTheory,
        *,
        temperature: float,
        mobile: list[str],
        seed: int,
        constraint: Constraint | None = None,
        crystal: orm.StructureData | None = None,
        sites: orm.StructureData | None = None,
        formal_charges: Mapping[str, float] | None = None,
        ensemble: str = MICROCANONICAL,
        observables: dict[str, dict[str, Any]] | None = None,
        version: str,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        watch_interval: int | None = None,
        stash: str | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code, analysis_code
            LAMMPS or CP2K, and the analysis.
        structure, potential, temperature, mobile, seed, constraint, crystal, formal_charges
            As :meth:`MdWorkChain.get_builder_from_protocol` takes them.
        ensemble, protocol, overrides, options, watch_interval, stash
            As :meth:`MdWorkChain.get_builder_from_protocol` takes them.
        sites
            The crystal with a mobile ion on every site, as :func:`make_sites` makes it, for observables that need them.
        observables
            Parameters of each observable by its name; with their defaults the routine ones that the trajectory
            will allow, if absent.
        version
            Version of the script that ``analysis_code`` runs.
        """
        builder = cls.get_builder()
        MdWorkChain.get_builder_from_protocol(
            code,
            structure,
            potential,
            temperature=temperature,
            mobile=mobile,
            seed=seed,
            constraint=constraint,
            crystal=crystal,
            formal_charges=formal_charges,
            ensemble=ensemble,
            protocol=protocol,
            overrides=overrides,
            options=options,
            watch_interval=watch_interval,
            stash=stash,
            into=builder.md,
        )
        builder.analyse.code = analysis_code
        builder.analyse.version = orm.Str(version)
        if sites is not None:
            builder.analyse.sites = sites
        if observables is None:
            there = what_dynamics_hold(structure.get_ase(), mobile, formal_charges or {})
            observables = {name: {} for name in routine_observables(there, sites_known=sites is not None)}
        if constraint is not None:
            settings = MdSettings.model_validate(builder.md.production["lammps"]["parameters"].get_dict())
            held = constraint_on((structure if crystal is None else crystal).get_ase(), settings)
            observables = _with_held_motions(observables, held, temperature)
        builder.analyse.observables = orm.Dict(observables)
        return builder

    def run_dynamics(self) -> ToContext:
        """Equilibrate and produce."""
        inputs = self.exposed_inputs(MdWorkChain, "md")
        inputs.metadata.call_link_label = "md"
        return ToContext(md=self.submit(MdWorkChain, **inputs))

    def analyse(self) -> ToContext | ExitCode:
        """Compute the observables of the production."""
        if not self.ctx.md.is_finished_ok:
            return self.exit_codes.ERROR_DYNAMICS_FAILED.format(reason=reason_of(self.ctx.md))
        inputs = self.exposed_inputs(AnalyseCalculation, "analyse")
        inputs.metadata.call_link_label = "analyse"
        return ToContext(analysis=self.submit(AnalyseCalculation, trajectory=self.ctx.md.outputs.trajectory, **inputs))

    def finish(self) -> ExitCode | None:
        """Attach what there is; observables that are missing from it are named in the exit message."""
        analysis = self.ctx.analysis
        if not analysis.is_finished:
            return self.exit_codes.ERROR_ANALYSIS_FAILED.format(reason=reason_of(analysis))
        self.out_many(self.exposed_outputs(self.ctx.md, MdWorkChain))
        self.out_many(self.exposed_outputs(analysis, AnalyseCalculation))
        if analysis.is_finished_ok:
            return None
        for name in ("ERROR_NOT_CONVERGED", "ERROR_IMPOSSIBLE_REQUEST"):
            if analysis.exit_status == AnalyseCalculation.exit_codes[name].status:
                return self.exit_codes[name].format(reason=reason_of(analysis))
        return self.exit_codes.ERROR_ANALYSIS_FAILED.format(reason=reason_of(analysis))

    def on_terminated(self) -> None:
        """Clean the folders of the jobs where that was asked for."""
        super().on_terminated()
        if self.inputs.clean_workdir.value:
            for node in self.node.called_descendants:
                if isinstance(node, orm.CalcJobNode) and "remote_folder" in node.outputs:
                    node.outputs.remote_folder._clean()


def _with_held_motions(
    observables: Mapping[str, Mapping[str, Any]], held: LammpsConstraint | None, temperature: float
) -> dict[str, dict[str, Any]]:
    """Return the parameters of the observables of a constrained run, which its velocities alone do not tell.

    A kinetic temperature counts what is held; observables that would take it from all velocities get that of the run.
    """
    filled = {name: dict(given) for name, given in observables.items()}
    for name, given in filled.items():
        parameters = {parameter.name for parameter in known_observables()[name].parameters}
        if "temperature" in parameters:
            given.setdefault("temperature", temperature)
        if held is not None and "held" in parameters:
            given |= {"held": held.n_held, "conserves_momentum": held.keeps_momentum}
    return filled
