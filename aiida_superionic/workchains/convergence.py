"""The cutoffs and k-points at which forces no longer change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.calculations.convergence import compare_settings, first_converged
from aiida_superionic.calculations.cp2k_input import single_point
from aiida_superionic.calculations.dft import LevelOfTheory
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.workchains.cp2k import Cp2kBaseWorkChain
from aiida_superionic.workchains.dft import cp2k_inputs, level_of_theory
from aiida_superionic.workchains.protocol import first_fault
from aiida_superionic.workchains.reason import reason_of

SETTINGS = ("cutoff", "relative_cutoff", "k_points")
"""In the order in which they are studied: each with those before it as they were chosen, and the others as given."""

_SET_HERE = ("cp2k.structure", "cp2k.trajectory", "cp2k.parameters", "cp2k.centres_per_ion")
_DEFAULT_TOLERANCE = 0.001
"""eV/Å."""


class ConvergenceWorkChain(ContinuedOnce, WorkChain):
    """Find the coarsest settings of a level of theory whose forces are those of the finest, within a tolerance.

    The output ``settings`` are overrides for the protocols of ``superionic.label``, ``superionic.wannier`` and
    ``superionic.relax``.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(Cp2kBaseWorkChain, exclude=_SET_HERE)
        # Without a structure and a run there is nothing to check; each job is.
        spec.inputs["cp2k"].validator = None
        spec.input("structure", valid_type=orm.StructureData, help="Displaced, such that there are forces.")
        spec.input("level_of_theory", valid_type=orm.Dict, help="A LevelOfTheory.")
        spec.input(
            "scan",
            valid_type=orm.Dict,
            help=f"Lists of values from the coarsest to the finest, of {', '.join(SETTINGS)}.",
        )
        spec.input(
            "tolerance",
            valid_type=orm.Float,
            default=lambda: orm.Float(_DEFAULT_TOLERANCE),
            validator=lambda node, _: None if node.value > 0.0 else "the tolerance must be above zero",
            help="Of the change of the force on any one atom, eV/Å.",
        )
        spec.inputs.validator = cls.validate_inputs
        spec.output_namespace(
            "tables", valid_type=orm.Dict, help="Of each setting what every value gave, at what cost."
        )
        spec.output("settings", valid_type=orm.Dict, required=False, help="The values that were chosen.")
        spec.outline(while_(cls.has_setting)(cls.compute, cls.choose), cls.finish)
        spec.exit_code(401, "ERROR_JOB_FAILED", message="{setting} {value}: {reason}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="{reason}")
        spec.exit_code(420, "ERROR_NO_FORCES", message="{reason}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the values are settings of the level of theory, each finer than the one before."""
        if not {"level_of_theory", "scan"} <= set(value):
            return None  # a missing input has its own message
        level, scan = value["level_of_theory"].get_dict(), value["scan"].get_dict()
        if not scan or (unknown := sorted(set(scan) - set(SETTINGS))):
            return f"scan holds {', '.join(unknown) if scan else 'nothing'} where {', '.join(SETTINGS)} are known"
        for setting, given in scan.items():
            if not isinstance(given, list) or len(given) < 3:
                return (
                    f"{setting}: at least three values are needed, of which the last only tells how good the others are"
                )
            try:
                levels = [LevelOfTheory.model_validate({**level, setting: one}) for one in given]
            except ValidationError as error:
                return first_fault(setting, error)
            finenesses = [_fineness(getattr(one, setting)) for one in levels]
            if not all(_is_finer(two, one) for one, two in pairwise(finenesses)):
                return f"{setting}: each value must be finer than the one before it: {given}"
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        scan: Mapping[str, Sequence[Any]],
        *,
        tolerance: float = _DEFAULT_TOLERANCE,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code
            CP2K.
        structure
            Displaced, such that there are forces.
        scan
            Values from the coarsest to the finest, of ``cutoff`` and ``relative_cutoff`` in Ry and of ``k_points``.
        tolerance
            Of the change of the force on any one atom, eV/Å.
        protocol
            ``xtb``, ``fast``, ``balanced`` or ``precise``: what is not studied, or not yet.
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
        level = level_of_theory(protocol, overrides)
        builder = cls.get_builder()
        builder.structure, builder.tolerance = structure, orm.Float(tolerance)
        builder.level_of_theory = orm.Dict(level.model_dump(mode="json"))
        builder.scan = orm.Dict({setting: list(given) for setting, given in scan.items()})
        inputs = cp2k_inputs(code, structure.get_symbols_set(), level)
        del inputs["parameters"]
        builder.cp2k._update(inputs)
        builder.cp2k["metadata"]["options"]._update(options or {})
        return builder

    def has_setting(self) -> bool:
        """Return whether a setting is still to be studied."""
        if "left" not in self.ctx:
            self.ctx.left = [setting for setting in SETTINGS if setting in self.inputs.scan.get_dict()]
            self.ctx.chosen = {}
        return bool(self.ctx.left)

    def compute(self) -> None:
        """Compute the forces at all values of a setting, beside each other."""
        setting = self.ctx.left[0]
        for k, value in enumerate(self.inputs.scan[setting]):
            given = {**self.inputs.level_of_theory.get_dict(), **self.ctx.chosen, setting: value}
            parameters = single_point(LevelOfTheory.model_validate(given).parameters)
            inputs = self.exposed_inputs(Cp2kBaseWorkChain)
            inputs.cp2k.update(structure=self.inputs.structure, parameters=orm.Dict(parameters))
            inputs.metadata.call_link_label = f"{setting}_{k:03d}"
            self.to_context(**{f"{setting}_{k:03d}": self.submit(Cp2kBaseWorkChain, **inputs)})

    def choose(self) -> ExitCode | None:
        """Take the coarsest value from which on the forces do not change."""
        setting = self.ctx.left.pop(0)
        values = self.inputs.scan[setting]
        outputs: dict[str, orm.Data] = {}
        for k, value in enumerate(values):
            job = self.ctx[f"{setting}_{k:03d}"]
            if not job.is_finished_ok:
                reason = reason_of(job)
                return self.exit_codes.ERROR_JOB_FAILED.format(setting=setting, value=value, reason=reason)
            outputs |= {f"{name}_{k:03d}": job.outputs[name] for name in ("labels", "usage") if name in job.outputs}
        table = compare_settings(orm.Str(setting), orm.List(values), **outputs)
        self.out(f"tables.{setting}", table)
        tolerance = self.inputs.tolerance.value
        if table["largest_force"] <= tolerance:
            reason = f"no force is above {tolerance:g} eV/Å: displace the ions from where symmetry holds them"
            return self.exit_codes.ERROR_NO_FORCES.format(reason=reason)
        changes = [row["largest_force_change"] for row in table["rows"]]
        first = first_converged(changes, tolerance)
        if first is None:
            reason = (
                f"{setting}: forces still change by {changes[-2]:.2g} eV/Å between {values[-2]} and {values[-1]},"
                f" where {tolerance:g} is asked for: give finer values"
            )
            return self.exit_codes.ERROR_NOT_CONVERGED.format(reason=reason)
        self.report(f"{setting} {values[first]}: forces within {changes[first]:.2g} eV/Å of those at {values[-1]}")
        self.ctx.chosen[setting] = values[first]
        return None

    def finish(self) -> None:
        """Put out the values that were chosen."""
        self.out("settings", orm.Dict(self.ctx.chosen).store())


def _fineness(value: Any) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)


def _is_finer(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
