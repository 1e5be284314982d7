"""The electronic-paddlewheel study: models of one crystal side by side, their electrons, and forces across them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from pydantic import ValidationError

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.data.point import PointData
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.workchains.cross_forces import CrossForcesWorkChain
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.electrons import ElectronSettings
from aiida_superionic.workchains.protocol import ProtocolError, protocol_settings
from aiida_superionic.workchains.reason import reason_of
from aiida_superionic.workchains.transport import TransportWorkChain
from aiida_superionic.workchains.wannier import WannierWorkChain

AB_INITIO = "ab_initio"
OF_LARGER_CELLS = ("diffusion", "temperature", "van_hove")
OF_FORCES = ("force_correlation",)
_APART = "__"
_LACKING = {
    WannierWorkChain: (WannierWorkChain.exit_codes.ERROR_FRAMES_LEFT_OUT.status,),
    **{
        kind: (kind.exit_codes.ERROR_IMPOSSIBLE_REQUEST.status, kind.exit_codes.ERROR_NOT_CONVERGED.status)
        for kind in (TransportWorkChain, CrossForcesWorkChain, AnalyseCalculation)
    },
}
"""Exit statuses of what has run, and whose results are there but for some."""


class PaddlewheelWorkChain(ContinuedOnce, WorkChain):
    """Run every model on one crystal, compute what ions, electrons and forces tell of each, and put it side by side.

    Of each model: dynamics and the observables of its ions; with centres, Wannier centres along the last of its
    frames and the observables of them; the forces of every potential on the frames of every potential, its own
    included; and diffusion in larger cells.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input_namespace(
            "lammps", valid_type=orm.AbstractCode, dynamic=True, help="LAMMPS that runs each potential, by its name."
        )
        spec.input("analysis_code", valid_type=orm.AbstractCode, help="superionic-analyse.")
        spec.input("conversion_code", valid_type=orm.AbstractCode, help="superionic-convert.")
        spec.input("cp2k_code", valid_type=orm.AbstractCode, required=False, help="CP2K, for electrons.")
        spec.input("version", valid_type=orm.Str, help="Version of the scripts.")
        spec.input(
            "point", valid_type=PointData, required=False, help="The point of a campaign that this is an attempt at."
        )
        spec.input("structure", valid_type=orm.StructureData, help="The crystal.")
        spec.input_namespace(
            "larger", valid_type=orm.StructureData, dynamic=True, required=False, help="Larger cells of it, by name."
        )
        spec.input_namespace("potentials", valid_type=PotentialData, dynamic=True, help="What gives forces, by name.")
        spec.input("ab_initio", valid_type=orm.Str, required=False, help="Protocol of a level of theory: a model, too.")
        spec.input("temperature", valid_type=orm.Float, help="In K.")
        spec.input("seed", valid_type=orm.Int, help="Of the first velocities.")
        spec.input("mobile", valid_type=orm.List, help="The species that diffuses.")
        spec.input("formal_charges", valid_type=orm.Dict, help="Of the mobile species, e.")
        spec.input("times", valid_type=orm.Dict, help="Settings of the dynamics, ps.")
        spec.input(
            "times_of_larger", valid_type=orm.Dict, default=lambda: orm.Dict({}), help="What larger cells replace."
        )
        spec.input(
            "times_of_ab_initio", valid_type=orm.Dict, default=lambda: orm.Dict({}), help="What its run replaces."
        )
        spec.input(
            "observables", valid_type=orm.Dict, required=False, help="Of the ions, by name; routine ones if absent."
        )
        spec.input("centres", valid_type=orm.Dict, required=False, help="Fields of ElectronSettings.")
        spec.input("options", valid_type=orm.Dict, required=False, help="metadata.options of the jobs of engines.")
        spec.inputs.validator = cls.validate_inputs
        for name, text in {
            "ions": "by model",
            "electrons": "by model",
            "forces": "by the model whose frames they are, and the potential whose forces",
            "larger": "by cell and potential",
        }.items():
            spec.output_namespace(name, dynamic=True, help=f"Observables and curves, {text}.")
        spec.outline(cls.run_dynamics, cls.run_on_frames, cls.analyse_electrons, cls.finish)
        spec.exit_code(401, "ERROR_DYNAMICS_FAILED", message="The dynamics failed: {reasons}.")
        spec.exit_code(402, "ERROR_PART_FAILED", message="A part of the study failed: {reasons}.")
        spec.exit_code(410, "ERROR_INCOMPLETE", message="Some results are missing: {reasons}.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there is something to compare, and that electrons can be computed where they are asked for."""
        if not value.get("potentials"):
            return "potentials: give one at least"
        if strange := set(value["potentials"]) ^ set(value.get("lammps", {})):
            return f"lammps: give the code of each potential, and of no other: {', '.join(sorted(strange))}"
        if AB_INITIO in value["potentials"]:
            return f"potentials: {AB_INITIO} is the name of what a level of theory gives"
        if apart := [name for name in (*value["potentials"], *value.get("larger", {})) if _APART in name]:
            return f"{apart[0]}: a name has no {_APART} in it"
        if "cp2k_code" not in value and {"ab_initio", "centres"} & set(value):
            return "cp2k_code is missing: electrons need CP2K"
        try:
            if "ab_initio" in value:
                level_of_theory(value["ab_initio"].value)
            if "centres" in value:
                level_of_theory(ElectronSettings.model_validate(value["centres"].get_dict()).protocol)
        except (ProtocolError, ValidationError) as error:
            return str(error)
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        codes: Mapping[str, orm.AbstractCode],
        lammps: Mapping[str, orm.AbstractCode],
        structure: orm.StructureData,
        potentials: Mapping[str, PotentialData],
        *,
        temperature: float,
        mobile: list[str],
        formal_charges: Mapping[str, float],
        seed: int,
        version: str,
        larger: Mapping[str, orm.StructureData] | None = None,
        times_of_larger: Mapping[str, float] | None = None,
        ab_initio: str | None = None,
        times_of_ab_initio: Mapping[str, float] | None = None,
        centres: Mapping[str, Any] | None = None,
        observables: Mapping[str, Mapping[str, Any]] | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        codes
            ``analysis``, ``conversion``, and ``cp2k`` where electrons are computed.
        lammps
            What runs each potential, by its name.
        structure, temperature, mobile, formal_charges, seed, version, observables, protocol, overrides, options
            As :meth:`TransportWorkChain.get_builder_from_protocol` takes them.
        potentials
            By a name that becomes part of those of the outputs.
        larger
            Larger cells of the crystal by name, in which diffusion is compared.
        times_of_larger
            Settings of the dynamics that differ there, in ps.
        ab_initio
            Protocol of the level of theory of a run on the forces of CP2K, as one more model.
        times_of_ab_initio
            Settings of the dynamics that differ in that run, in ps.
        centres
            Fields of :class:`ElectronSettings`; no electrons where not given.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If a protocol or an override is unknown.
        """
        builder = cls.get_builder()
        for name in ("analysis", "conversion", "cp2k"):
            if name in codes:
                builder[f"{name}_code"] = codes[name]
        builder.lammps = dict(lammps)
        builder.version, builder.structure = orm.Str(version), structure
        builder.potentials, builder.larger = dict(potentials), dict(larger or {})
        builder.temperature, builder.seed = orm.Float(temperature), orm.Int(seed)
        builder.mobile, builder.formal_charges = orm.List(list(mobile)), orm.Dict(dict(formal_charges))
        builder.times = orm.Dict(protocol_settings("md", protocol, overrides))
        builder.times_of_larger = orm.Dict(dict(times_of_larger or {}))
        builder.times_of_ab_initio = orm.Dict(dict(times_of_ab_initio or {}))
        for name, given in {"observables": observables, "centres": centres, "options": options}.items():
            if given is not None:
                builder[name] = orm.Dict(dict(given))
        if ab_initio is not None:
            builder.ab_initio = orm.Str(ab_initio)
        return builder

    def run_dynamics(self) -> None:
        """Run every model on the crystal, and the potentials on its larger cells."""
        for name in self.inputs.potentials:
            self._run(("ions", name), self.inputs.structure, potential=name)
            for cell, structure in self.inputs.get("larger", {}).items():
                times = self.inputs.times_of_larger.get_dict()
                given = {"potential": name, "times": times, "observables": self._given(OF_LARGER_CELLS)}
                self._run(("larger", cell, name), structure, **given)
        if "ab_initio" in self.inputs:
            self._run(("ions", AB_INITIO), self.inputs.structure, times=self.inputs.times_of_ab_initio.get_dict())

    def run_on_frames(self) -> ExitCode | None:
        """Compute, on the frames of each model, the forces of every potential and the electrons."""
        models = self._models()
        runs = {name: self._done("ions", name) for name in models}
        failed = {name: run for name, run in runs.items() if "trajectory" not in run.outputs}
        if failed:
            reasons = "; ".join(f"{name}: {reason_of(run).rstrip('.')}" for name, run in failed.items())
            return self.exit_codes.ERROR_DYNAMICS_FAILED.format(reasons=reasons)
        for name in models:
            trajectory = runs[name].outputs.trajectory
            if "centres" in self.inputs:
                self._submit(("centres", name), self._centres(trajectory))
            if name == AB_INITIO:
                continue  # what CP2K writes cannot be run over by LAMMPS where it lies
            for other, potential in self.inputs.potentials.items():
                builder = CrossForcesWorkChain.get_builder_for(
                    self.inputs.lammps[other],
                    self.inputs.conversion_code,
                    self.inputs.analysis_code,
                    trajectory,
                    potential,
                    structure=self.inputs.structure,
                    observables=self._given(OF_FORCES),
                    version=self.inputs.version.value,
                )
                self._submit(("forces", name, other), builder)
        return None

    def analyse_electrons(self) -> None:
        """Compute the observables of the centres; a frame without them is no reason not to."""
        if "centres" not in self.inputs:
            return
        settings = ElectronSettings.model_validate(self.inputs.centres.get_dict())
        for name in self._models():
            centres = self._done("centres", name)
            if "trajectory" not in centres.outputs:
                continue
            builder = AnalyseCalculation.get_builder()
            builder.code, builder.version = self.inputs.analysis_code, self.inputs.version
            builder.trajectory = centres.outputs.trajectory
            builder.observables = orm.Dict(settings.observables)
            self._submit(("electrons", name), builder)

    def finish(self) -> ExitCode | None:
        """Attach what there is, and name what is not."""
        failed: list[str] = []
        missing: list[str] = []
        for place in self.ctx.places:
            child = self._done(*place)
            if child.exit_status != 0:
                lacks = child.exit_status in _LACKING.get(child.process_class, ())
                (missing if lacks else failed).append(f"{' '.join(place)}: {reason_of(child).rstrip('.')}")
            if place[0] in self.spec().outputs and child.is_finished:
                for port in ("observables", "curves"):
                    if port in child.outputs:
                        self.out(".".join((*place, port)), child.outputs[port])
        if failed:
            return self.exit_codes.ERROR_PART_FAILED.format(reasons="; ".join(failed + missing))
        return self.exit_codes.ERROR_INCOMPLETE.format(reasons="; ".join(missing)) if missing else None

    def _models(self) -> list[str]:
        return [*self.inputs.potentials, *([AB_INITIO] if "ab_initio" in self.inputs else [])]

    def _run(
        self,
        place: tuple[str, ...],
        structure: orm.StructureData,
        *,
        potential: str | None = None,
        times: Mapping[str, Any] | None = None,
        observables: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        inputs = self.inputs
        builder = TransportWorkChain.get_builder_from_protocol(
            inputs.cp2k_code if potential is None else inputs.lammps[potential],
            inputs.analysis_code,
            structure,
            level_of_theory(inputs.ab_initio.value) if potential is None else inputs.potentials[potential],
            temperature=inputs.temperature.value,
            mobile=inputs.mobile.get_list(),
            seed=inputs.seed.value,
            formal_charges=inputs.formal_charges.get_dict(),
            observables=self._given() if observables is None else observables,
            version=inputs.version.value,
            overrides=inputs.times.get_dict() | dict(times or {}),
            options=self._options(),
        )
        self._submit(place, builder)

    def _centres(self, trajectory: Any) -> ProcessBuilder:
        settings = ElectronSettings.model_validate(self.inputs.centres.get_dict())
        return WannierWorkChain.get_builder_from_protocol(
            self.inputs.cp2k_code,
            trajectory,
            settings.centres_per_ion,
            conversion_code=self.inputs.conversion_code,
            every=settings.every,
            protocol=settings.protocol,
            localisation={"EPS_LOCALIZATION": settings.tolerance},
            batch_size=settings.batch_size,
            options=self._options(),
        )

    def _given(self, names: tuple[str, ...] | None = None) -> dict[str, dict[str, Any]] | None:
        """Return the parameters of some observables, or of those that were asked for: None for the routine ones."""
        given = self.inputs.observables.get_dict() if "observables" in self.inputs else {}
        return (given or None) if names is None else {name: given.get(name, {}) for name in names}

    def _options(self) -> dict[str, Any] | None:
        return self.inputs.options.get_dict() if "options" in self.inputs else None

    def _submit(self, place: tuple[str, ...], builder: ProcessBuilder) -> None:
        """Submit what gives the results of a place among the outputs, or what these need."""
        builder.metadata.call_link_label = _APART.join(place)
        self.ctx.setdefault("places", []).append(place)
        self.to_context(**{_APART.join(place): self.submit(builder)})

    def _done(self, *place: str) -> orm.ProcessNode:
        return self.ctx[_APART.join(place)]
