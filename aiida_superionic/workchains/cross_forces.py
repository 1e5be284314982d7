"""Forces of one potential on the trajectory of another, and what they correlate to."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.lammps_rerun import RerunCalculation
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.workchains.reason import reason_of

DEFAULT_OBSERVABLES: dict[str, dict[str, Any]] = {"force_correlation": {}}


class CrossForcesWorkChain(ContinuedOnce, WorkChain):
    """Evaluate a potential on a trajectory and compute observables of the forces.

    The integral of the force autocorrelation is zero for the forces that moved the ions, and not for others.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(RerunCalculation, namespace="rerun")
        spec.expose_inputs(AnalyseCalculation, namespace="analyse", exclude=["trajectory"])
        spec.expose_outputs(RerunCalculation, include=["trajectory"])
        spec.expose_outputs(AnalyseCalculation, exclude=["remote_folder", "remote_stash", "retrieved", "usage"])
        spec.outline(cls.rerun, cls.analyse, cls.finish)
        spec.exit_code(210, "ERROR_IMPOSSIBLE_REQUEST", message="{reason}")
        spec.exit_code(401, "ERROR_RERUN_FAILED", message="The rerun failed: {reason}")
        spec.exit_code(402, "ERROR_ANALYSIS_FAILED", message="The analysis failed: {reason}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="{reason}")

    @classmethod
    def get_builder_for(
        cls,
        lammps_code: orm.AbstractCode,
        conversion_code: orm.AbstractCode,
        analysis_code: orm.AbstractCode,
        trajectory: TrajectoryData,
        potential: PotentialData,
        *,
        structure: orm.StructureData | None = None,
        observables: dict[str, dict[str, Any]] | None = None,
        version: str,
    ) -> ProcessBuilder:
        """Return a filled builder.

        Parameters
        ----------
        lammps_code, conversion_code, analysis_code
            The executables.
        trajectory
            The frames.
        potential
            What gives the forces.
        structure
            The atoms of the trajectory; those of the job that made it if absent.
        observables
            Parameters of each observable by its name; the force correlation if absent.
        version
            Version of the scripts that ``conversion_code`` and ``analysis_code`` run.

        Raises
        ------
        ValueError
            If no structure is given and no job that had one made the trajectory.
        """
        if structure is None:
            creator = trajectory.creator
            if creator is None or "structure" not in creator.inputs:
                raise ValueError("no job made this trajectory from a structure: give the structure")
            structure = creator.inputs.structure
        builder = cls.get_builder()
        builder.rerun.code = lammps_code
        builder.rerun.conversion_code = conversion_code
        builder.rerun.version = orm.Str(version)
        builder.rerun.trajectory = trajectory
        builder.rerun.structure = structure
        builder.rerun.potential = potential
        builder.analyse.code = analysis_code
        builder.analyse.version = orm.Str(version)
        builder.analyse.observables = orm.Dict(observables or DEFAULT_OBSERVABLES)
        return builder

    def rerun(self) -> ToContext:
        """Compute the forces."""
        inputs = self.exposed_inputs(RerunCalculation, "rerun")
        inputs.metadata.call_link_label = "rerun"
        return ToContext(rerun=self.submit(RerunCalculation, **inputs))

    def analyse(self) -> ToContext | ExitCode:
        """Compute the observables of the new trajectory."""
        if not self.ctx.rerun.is_finished_ok:
            return self.exit_codes.ERROR_RERUN_FAILED.format(reason=reason_of(self.ctx.rerun))
        inputs = self.exposed_inputs(AnalyseCalculation, "analyse")
        inputs.metadata.call_link_label = "analyse"
        return ToContext(
            analysis=self.submit(AnalyseCalculation, trajectory=self.ctx.rerun.outputs.trajectory, **inputs)
        )

    def finish(self) -> ExitCode | None:
        """Attach what there is; what did not converge is missing from it and named in the exit message."""
        analysis = self.ctx.analysis
        if not analysis.is_finished:
            return self.exit_codes.ERROR_ANALYSIS_FAILED.format(reason=reason_of(analysis))
        self.out_many(self.exposed_outputs(self.ctx.rerun, RerunCalculation))
        self.out_many(self.exposed_outputs(analysis, AnalyseCalculation))
        if analysis.is_finished_ok:
            return None
        if analysis.exit_status == AnalyseCalculation.exit_codes.ERROR_IMPOSSIBLE_REQUEST.status:
            return self.exit_codes.ERROR_IMPOSSIBLE_REQUEST.format(reason=reason_of(analysis))
        if analysis.exit_status == AnalyseCalculation.exit_codes.ERROR_NOT_CONVERGED.status:
            return self.exit_codes.ERROR_NOT_CONVERGED.format(reason=reason_of(analysis))
        return self.exit_codes.ERROR_ANALYSIS_FAILED.format(reason=reason_of(analysis))
