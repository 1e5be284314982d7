"""What each motion of the polyanions does to conduction: runs without constraints, and from their frames runs with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain, append_, calcfunction
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.analysis.mode_comparison import CONDUCTIVITY, compare_modes
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.constraints.constraint import MODES, Constraint, ConstraintError
from aiida_superionic.constraints.eckart import eckart_frames
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.protocol import protocol_settings
from aiida_superionic.workchains.reason import reason_of
from aiida_superionic.workchains.transport import TransportWorkChain

UNCONSTRAINED = "UC"
OBSERVABLES: dict[str, dict[str, Any]] = {
    name: {}
    for name in (
        "conductivity",
        "density_profile",
        "jumps",
        "radial_distribution",
        "reorientations",
        "temperature",
        "vibrations",
    )
}
_TURNS = 1.0
"""Reorientations of each polyanion that are wanted before constrained runs start: fewer leave where it began."""


@calcfunction
def compare(runs: orm.List, **observables: orm.Dict) -> orm.Dict:
    """Average the observables over orientations by mode and temperature, and compare the modes.

    Parameters
    ----------
    runs
        Temperature in K, constraint mode and number of the orientation of each run, in the order of the keys
        ``run_0000``, ``run_0001`` ...
    observables
        Those of each run.
    """
    scalars = [
        {name: Scalar(**entry) for name, entry in node.get_dict().items()} for _, node in sorted(observables.items())
    ]
    found = compare_modes(
        (float(t), mode, orientation, one) for (t, mode, orientation), one in zip(runs.get_list(), scalars, strict=True)
    )
    return orm.Dict({name: asdict(scalar) for name, scalar in found.items()})


class CouplingWorkChain(ContinuedOnce, WorkChain):
    """Run every orientation without constraints, then from its last frame in every mode, and compare.

    There is one unconstrained run per orientation, not one for all: their seeds make the orientations independent, and
    the conductivity without constraints has the same error bar as those with.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input("lammps_code", valid_type=orm.AbstractCode, help="LAMMPS.")
        spec.input("analysis_code", valid_type=orm.AbstractCode, help="superionic-analyse.")
        spec.input("version", valid_type=orm.Str, help="Version of the script that analysis_code runs.")
        spec.input("structure", valid_type=orm.StructureData, help="The crystal, in which polyanions are found.")
        spec.input("potential", valid_type=PotentialData, help="What gives the forces.")
        spec.input("temperatures", valid_type=orm.List, help="In K.")
        spec.input("modes", valid_type=orm.List, default=lambda: orm.List(list(MODES)), help="Beside UC.")
        spec.input("rotors", valid_type=orm.List, default=lambda: orm.List([]), help="Formulas; all if empty.")
        spec.input(
            "atoms", valid_type=orm.List, default=lambda: orm.List([]), help="Groups of atoms, in place of them."
        )
        spec.input("mobile", valid_type=orm.List, help="The species meant to diffuse.")
        spec.input("formal_charges", valid_type=orm.Dict, help="Of the mobile species, e.")
        spec.input("n_orientations", valid_type=orm.Int, default=lambda: orm.Int(3), help="Replicas of each mode.")
        spec.input("seed", valid_type=orm.Int, default=lambda: orm.Int(1), help="Of the first replica.")
        spec.input("times", valid_type=orm.Dict, help="The settings of a protocol, ps.")
        spec.input("observables", valid_type=orm.Dict, help="Parameters of each observable, by its name.")
        spec.input(
            "sites", valid_type=orm.StructureData, required=False, help="The crystal with a mobile ion on every site."
        )
        spec.input("options", valid_type=orm.Dict, required=False, help="metadata.options of the jobs.")
        spec.inputs.validator = cls.validate_inputs
        spec.output("observables", valid_type=orm.Dict, help="Value, error, unit and bounds, by name.")
        spec.output("report", valid_type=orm.Dict, help="Whether the starting orientations are independent.")
        spec.outline(cls.run_unconstrained, cls.run_constrained, cls.finish)
        spec.exit_code(401, "ERROR_RUN_FAILED", message="{label} failed: {reason}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="No conductivity came out for {labels}.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that the crystal holds what is constrained, before anything runs."""
        if not {"structure", "modes", "rotors", "atoms", "mobile"} <= set(value):
            return None  # a missing input has its own message
        if not value["temperatures"].get_list() or value["n_orientations"].value < 1:
            return "give one temperature and one orientation at least"
        try:
            for mode in value["modes"].get_list():
                constraint = _constraint(value, mode)
                eckart_frames(value["structure"].get_ase(), value["mobile"].get_list(), constraint)
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        except ConstraintError as error:
            return str(error)
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        lammps_code: orm.AbstractCode,
        analysis_code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData,
        *,
        temperatures: Sequence[float],
        mobile: Sequence[str],
        formal_charges: Mapping[str, float],
        version: str,
        modes: Sequence[str] = MODES,
        rotors: Sequence[str] = (),
        atoms: Sequence[Sequence[int]] = (),
        n_orientations: int = 3,
        seed: int = 1,
        observables: Mapping[str, Mapping[str, Any]] | None = None,
        sites: orm.StructureData | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        lammps_code, analysis_code, structure, potential, mobile, formal_charges, version, protocol, overrides, options
            As :meth:`TransportWorkChain.get_builder_from_protocol` takes them.
        temperatures
            In K.
        modes
            Constraint modes beside no constraint, which is always run.
        rotors, atoms
            Formulas of the polyanions that are held, or groups of atoms; all polyanions where neither is given.
        n_orientations
            Unconstrained runs, from the last frame of each of which every mode is run.
        seed
            Of the first run; each further orientation takes the next.
        observables
            Parameters of each observable by its name; :data:`OBSERVABLES` if absent.
        sites
            As :meth:`TransportWorkChain.get_builder_from_protocol` takes them. Where they are not given, jumps are no
            observable by default, for between what is not known.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown.
        """
        builder = cls.get_builder()
        builder.lammps_code, builder.analysis_code, builder.version = lammps_code, analysis_code, orm.Str(version)
        builder.structure, builder.potential = structure, potential
        builder.temperatures, builder.modes = orm.List([float(t) for t in temperatures]), orm.List(list(modes))
        builder.rotors, builder.atoms = orm.List(list(rotors)), orm.List([list(group) for group in atoms])
        builder.mobile, builder.formal_charges = orm.List(list(mobile)), orm.Dict(dict(formal_charges))
        builder.n_orientations, builder.seed = orm.Int(n_orientations), orm.Int(seed)
        builder.times = orm.Dict(protocol_settings("md", protocol, overrides))
        if observables is None:
            observables = {n: given for n, given in OBSERVABLES.items() if sites is not None or n != "jumps"}
        builder.observables = orm.Dict(dict(observables))
        if sites is not None:
            builder.sites = sites
        if options:
            builder.options = orm.Dict(options)
        return builder

    def run_unconstrained(self) -> None:
        """Run every temperature and orientation without constraints."""
        self.ctx.runs = []
        for temperature in self.inputs.temperatures.get_list():
            for orientation in range(self.inputs.n_orientations.value):
                self._run(temperature, UNCONSTRAINED, orientation)

    def run_constrained(self) -> ExitCode | None:
        """Run every mode from the last frame of each unconstrained run."""
        if (failure := self._failure()) is not None:
            return failure
        for (temperature, _, orientation), child in self._runs():
            for mode in self.inputs.modes.get_list():
                self._run(temperature, mode, orientation, child.outputs.structure)
        return None

    def finish(self) -> ExitCode | None:
        """Compare the modes."""
        if (failure := self._failure()) is not None:
            return failure
        kinds = orm.List([list(run) for run, _ in self._runs()])
        nodes = {f"run_{number:04d}": child.outputs.observables for number, (_, child) in enumerate(self._runs())}
        self.out("observables", compare(kinds, **nodes))
        self.out("report", orm.Dict({"warnings": self._warnings()}).store())
        lacking = [
            _label(run) for run, child in self._runs() if CONDUCTIVITY not in child.outputs.observables.get_dict()
        ]
        return self.exit_codes.ERROR_NOT_CONVERGED.format(labels=", ".join(lacking)) if lacking else None

    def _run(self, temperature: float, mode: str, orientation: int, frame: orm.StructureData | None = None) -> None:
        inputs = self.inputs
        builder = TransportWorkChain.get_builder_from_protocol(
            inputs.lammps_code,
            inputs.analysis_code,
            inputs.structure if frame is None else frame,
            inputs.potential,
            temperature=temperature,
            mobile=inputs.mobile.get_list(),
            seed=inputs.seed.value + orientation,
            constraint=None if frame is None else _constraint(inputs, mode),
            crystal=None if frame is None else inputs.structure,
            sites=inputs.get("sites"),
            formal_charges=inputs.formal_charges.get_dict(),
            observables=inputs.observables.get_dict(),
            version=inputs.version.value,
            overrides=inputs.times.get_dict(),
            options=inputs.options.get_dict() if "options" in inputs else None,
        )
        run = (temperature, mode, orientation)
        builder.metadata.label = _label(run)
        builder.metadata.call_link_label = f"run_{len(self.ctx.runs):04d}"
        self.ctx.runs.append(list(run))
        self.to_context(children=append_(self.submit(builder)))

    def _runs(self) -> list[tuple[tuple[float, str, int], orm.WorkChainNode]]:
        return [(tuple(run), child) for run, child in zip(self.ctx.runs, self.ctx.children, strict=True)]

    def _failure(self) -> ExitCode | None:
        """Return why a run is of no use; one that bounds its observables only is."""
        for run, child in self._runs():
            if (
                not child.is_finished_ok
                and child.exit_status != TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status
            ):
                reason = reason_of(child)
                return self.exit_codes.ERROR_RUN_FAILED.format(label=_label(run), reason=reason)
        return None

    def _warnings(self) -> list[str]:
        """Return where polyanions turned too little before the constrained runs for their orientations to differ."""
        times = self.inputs.times.get_dict()
        begun = times["equilibration"] + times["production"]
        warnings = []
        for run, child in self._runs():
            if run[1] != UNCONSTRAINED:
                continue
            found = child.outputs.observables.get_dict()
            rates = {name: entry for name, entry in found.items() if name.startswith("reorientation_frequency_")}
            if not rates:
                warnings.append(f"{_label(run)}: whether its polyanions turn is not known; compute reorientations")
            for name, entry in rates.items():
                rate = entry["upper_bound"] if entry["value"] is None else entry["value"]
                turns = (rate or 0.0) * begun / 1000.0
                if turns < _TURNS:
                    formula = name.removeprefix("reorientation_frequency_")
                    warnings.append(
                        f"{_label(run)}: each {formula} turned {turns:.2g} times in the {begun:g} ps before its"
                        " orientation was held; run longer, or take the orientations as those of the crystal"
                    )
        return warnings


def _constraint(inputs: Mapping[str, Any], mode: str) -> Constraint:
    rotors, atoms = inputs["rotors"].get_list(), inputs["atoms"].get_list()
    return Constraint.model_validate({"mode": mode, "rotors": rotors, "atoms": atoms})


def _label(run: tuple[float, str, int]) -> str:
    temperature, mode, orientation = run
    return f"{mode} at {temperature:.12g} K, orientation {orientation + 1}"
