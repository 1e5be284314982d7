"""Relaxation of a structure: its positions, and then its cell with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import (
    BaseRestartWorkChain,
    CalcJob,
    ExitCode,
    ProcessBuilder,
    ProcessHandlerReport,
    process_handler,
    while_,
)
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.calculations import cp2k_relax, lammps_relax
from aiida_superionic.calculations.cp2k_relax import Cp2kRelaxCalculation, optimisation
from aiida_superionic.calculations.dft import LevelOfTheory, scf_remedies
from aiida_superionic.calculations.lammps_relax import LammpsRelaxCalculation
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.calculations.relaxation import RelaxSettings, validate_settings
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.dft import cp2k_inputs
from aiida_superionic.workchains.protocol import ProtocolError, first_fault, protocol_settings

_ENGINES = ("cp2k", "lammps")
_OF_CP2K = Cp2kRelaxCalculation.exit_codes
_RECOVERABLE_FROM = 400
_TRIES = 2
"""Of each optimiser for what of the cell is relaxed."""
_OUTPUTS = ("structure", "output_parameters", "usage")


class RelaxWorkChain(ContinuedOnce, BaseRestartWorkChain):
    """Relax the positions in the cell that is given, and then the cell with them where it may.

    The forces come from CP2K or from a potential in LAMMPS, by which of ``cp2k`` and ``lammps`` is given. A job that
    does not reach the thresholds is followed by another from its last geometry, with another optimiser. Where none
    reaches them, the last geometry is put out all the same.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        for engine, job, set_here in (
            ("cp2k", Cp2kRelaxCalculation, ["structure"]),
            ("lammps", LammpsRelaxCalculation, ["structure", "parameters", "optimiser"]),
        ):
            optional = {"required": False, "populate_defaults": False}
            spec.expose_inputs(job, namespace=engine, exclude=set_here, namespace_options=optional)
        # CP2K's parameters say no run here; each job's do.
        spec.inputs["cp2k"].validator = None
        spec.input("structure", valid_type=orm.StructureData, help="Where the ions start.")
        spec.input("settings", valid_type=orm.Dict, validator=validate_settings, help="A RelaxSettings.")
        spec.inputs.validator = cls.validate_inputs
        # A long relaxation is cut by its walltime many times; what makes no progress is stopped by its handler.
        spec.inputs["max_iterations"].default = lambda: orm.Int(100)
        spec.expose_outputs(LammpsRelaxCalculation, include=_OUTPUTS)
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_process, cls.inspect_process), cls.results)
        spec.exit_code(300, "ERROR_UNRECOVERABLE_FAILURE", message="{reason}")
        spec.exit_code(310, "ERROR_NO_PROGRESS", message="The job ended before its first step: {reason}")
        spec.exit_code(410, "ERROR_NOT_RELAXED", message="Not relaxed after {jobs} jobs: {reason}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is one engine, which can relax the structure as the settings say."""
        if not {"structure", "settings"} <= set(value):
            return None  # a missing input has its own message
        given = [engine for engine in _ENGINES if value.get(engine)]
        if len(given) != 1:
            return f"one of {' and '.join(_ENGINES)} is expected where {' and '.join(given) or 'none'} is given"
        if given == ["lammps"]:
            return LammpsRelaxCalculation.validate_inputs({**value["lammps"], "structure": value["structure"]}, None)
        settings = RelaxSettings.model_validate(value["settings"].get_dict())
        try:
            optimisation({}, settings, np.array(value["structure"].cell), cp2k_relax.OPTIMISERS[0])
        except ValueError as error:
            return str(error)
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        forces: PotentialData | LevelOfTheory,
        *,
        cell: str = "full",
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code
            LAMMPS for a potential, CP2K for a level of theory.
        structure
            Where the ions start.
        forces
            A potential, or what :func:`aiida_superionic.workchains.dft.level_of_theory` returns.
        cell
            ``fixed``, ``isotropic`` or ``full``.
        protocol
            ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units.
        options
            ``metadata.options`` of the jobs: resources, walltime.

        Raises
        ------
        aiida_superionic.errors.SuperionicError
            If the protocol or an override is unknown, the settings do not fit together, or a species has no basis set
            or pseudopotential.
        """
        given = {"cell": cell, **protocol_settings("relax", protocol, overrides)}
        try:
            settings = RelaxSettings.model_validate(given)
        except ValidationError as error:
            raise ProtocolError(first_fault("relax", error)) from None
        builder = cls.get_builder()
        builder.structure, builder.settings = structure, orm.Dict(settings.model_dump(mode="json"))
        if isinstance(forces, PotentialData):
            engine = builder.lammps
            engine.code, engine.potential = code, forces
        else:
            engine = builder.cp2k
            engine._update(cp2k_inputs(code, structure.get_symbols_set(), forces))
        engine["metadata"]["options"]._update(options or {})
        return builder

    @property
    def process_class(self) -> type[CalcJob]:
        """The job that relaxes with the engine that is given."""
        # AiiDA asks once before there are inputs.
        return LammpsRelaxCalculation if "lammps" in (self.inputs or {}) else Cp2kRelaxCalculation

    def setup(self) -> None:
        """Begin with the positions, from the structure, with the first optimiser."""
        super().setup()
        wanted = self.inputs.settings["cell"]
        self.ctx.cells = ["fixed"] if wanted == "fixed" else ["fixed", wanted]
        self.ctx.structure = self.inputs.structure
        if "cp2k" in self.inputs:
            self.ctx.parameters = self.inputs.cp2k.parameters.get_dict()
            self.ctx.remedies = scf_remedies(self.ctx.parameters)
        self._take_optimisers()
        self._prepare()

    @process_handler(priority=200)
    def stop_on_critical_failure(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Stop, and say why, where a failure is not one that another attempt can mend."""
        if node.is_finished_ok or node.exit_status >= _RECOVERABLE_FROM:
            return None
        return ProcessHandlerReport(True, self.exit_codes.ERROR_UNRECOVERABLE_FAILURE.format(reason=node.exit_message))

    @process_handler(priority=110, exit_codes=[_OF_CP2K.ERROR_OUT_OF_WALLTIME, _OF_CP2K.ERROR_INTERRUPTED])
    def go_on_from_the_last_geometry(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on where a job was cut off, if it took a step."""
        if "structure" not in node.outputs:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_NO_PROGRESS.format(reason=node.exit_message))
        return self._go_on(node, node.exit_message)

    @process_handler(priority=100, exit_codes=[_OF_CP2K.ERROR_SCF_NOT_CONVERGED])
    def converge_otherwise(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on by the next of the remedies for a field that does not converge."""
        if not self.ctx.remedies:
            return self._give_up(node, node.exit_message)
        name, parameters = self.ctx.remedies.pop(0)
        self.ctx.parameters = parameters
        return self._go_on(node, f"{node.exit_message}; it goes on by {name}")

    @process_handler(
        priority=90,
        exit_codes=[
            _OF_CP2K.ERROR_NON_NUMERIC,
            _OF_CP2K.ERROR_MISSING_FRAMES,
            _OF_CP2K.ERROR_GEOMETRY_CONVERGENCE_NOT_REACHED,
        ],
    )
    def relax_otherwise(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with the next optimiser."""
        return self._otherwise(node, str(node.exit_message))

    @process_handler(priority=80, exit_codes=ExitCode(0))
    def go_on_with_the_cell(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Relax the cell where the positions are relaxed, and go on where the engine was content too early."""
        found = node.outputs.output_parameters
        unmet = self._settings().unmet(found["largest_force"], np.array(found["stress"]))
        if unmet is not None:
            return self._otherwise(node, unmet)
        self.ctx.cells.pop(0)
        if not self.ctx.cells:
            return None
        self._take_optimisers()
        return self._go_on(node, f"the positions are relaxed; the cell follows: {self.ctx.cells[0]}")

    def get_outputs(self, node: orm.CalcJobNode) -> dict[str, orm.Data]:
        """Return the outputs of the last job, whatever the engine."""
        return {name: node.outputs[name] for name in _OUTPUTS if name in node.outputs}

    def _take_optimisers(self) -> None:
        engine = cp2k_relax if "cp2k" in self.inputs else lammps_relax
        self.ctx.optimisers = _TRIES * list(engine.OPTIMISERS)

    def _settings(self) -> RelaxSettings:
        return RelaxSettings.model_validate({**self.inputs.settings.get_dict(), "cell": self.ctx.cells[0]})

    def _prepare(self) -> None:
        settings, optimiser = self._settings(), self.ctx.optimisers[0]
        if "cp2k" in self.inputs:
            inputs = self.exposed_inputs(Cp2kRelaxCalculation, "cp2k")
            walltime = inputs.metadata.options.get("max_wallclock_seconds")
            cell = np.array(self.ctx.structure.cell)
            inputs.parameters = orm.Dict(optimisation(self.ctx.parameters, settings, cell, optimiser, walltime))
        else:
            inputs = self.exposed_inputs(LammpsRelaxCalculation, "lammps")
            inputs.update(parameters=orm.Dict(settings.model_dump(mode="json")), optimiser=orm.Str(optimiser))
        self.ctx.inputs = inputs
        self.ctx.inputs.structure = self.ctx.structure

    def _otherwise(self, node: orm.CalcJobNode, reason: str) -> ProcessHandlerReport:
        self.ctx.optimisers.pop(0)
        if not self.ctx.optimisers:
            return self._give_up(node, reason)
        return self._go_on(node, f"{reason}; it goes on with {self.ctx.optimisers[0]}")

    def _go_on(self, node: orm.CalcJobNode, why: str) -> ProcessHandlerReport:
        self.report(f"{node.process_label}<{node.pk}>: {why}")
        if "structure" in node.outputs:
            self.ctx.structure = node.outputs.structure
        self._prepare()
        return ProcessHandlerReport(True)

    def _give_up(self, node: orm.CalcJobNode, reason: str) -> ProcessHandlerReport:
        # AiiDA's way to end with an exit code and with outputs all the same.
        self.ctx.is_finished = True
        self.results()
        code = self.exit_codes.ERROR_NOT_RELAXED.format(jobs=self.ctx.iteration, reason=reason)
        return ProcessHandlerReport(True, code)
