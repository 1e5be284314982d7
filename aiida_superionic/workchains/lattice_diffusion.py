"""How ions in a harmonic crystal diffuse at several temperatures, and the energy that they need for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain, append_, calcfunction
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.analysis.mode_comparison import kelvin
from aiida_superionic.analysis.registry import ParameterError
from aiida_superionic.analysis.results import Scalar
from aiida_superionic.calculations.lattice import complete_request
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.lattice.activation import activation
from aiida_superionic.workchains.lattice_base import DIFFUSION, LatticeBaseWorkChain
from aiida_superionic.workchains.reason import reason_of

_OWN = ("temperature", "seed")
"""Parameters of a run that follow from the inputs of the workchain."""


@calcfunction
def fit_activation(quantity: orm.Str, runs: orm.List, **observables: orm.Dict) -> dict[str, orm.Dict]:
    """Average a quantity over replicas, and fit the Arrhenius equation to it.

    Parameters
    ----------
    quantity
        Name of its scalar.
    runs
        Temperature in K and seed of each run, in the order of the keys ``run_0000``, ``run_0001`` ...
    observables
        Those of each run.
    """
    scalars = [
        {name: Scalar(**entry) for name, entry in node.get_dict().items()} for _, node in sorted(observables.items())
    ]
    temperatures = [float(t) for t, _ in runs.get_list()]
    found = activation(quantity.value, zip(temperatures, scalars, strict=True))
    return {
        "activation": orm.Dict({name: asdict(scalar) for name, scalar in found.scalars.items()}),
        "diffusion": orm.Dict({f"{quantity.value}_{kelvin(t)}": asdict(s) for t, s in found.values.items()}),
        "report": orm.Dict(
            {"temperatures": list(found.values), "left_out": list(found.left_out), "reason": found.reason}
        ),
    }


class LatticeDiffusionWorkChain(ContinuedOnce, WorkChain):
    """Run one model at every temperature, with replicas, and fit the Arrhenius equation."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            LatticeBaseWorkChain,
            namespace="lattice",
            namespace_options={"help": "What all runs share: temperature and seed are not among the parameters."},
            exclude=["point", "lattice.experiment"],
        )
        spec.input("temperatures", valid_type=orm.List, help="In K.")
        spec.input("replicas", valid_type=orm.Int, default=lambda: orm.Int(1), help="Runs at each temperature.")
        spec.input("seed", valid_type=orm.Int, default=lambda: orm.Int(1), help="Of the first replica.")
        spec.inputs.validator = cls.validate_inputs
        spec.output("activation", valid_type=orm.Dict, help="Activation energy and prefactor: value, error, unit.")
        spec.output("diffusion", valid_type=orm.Dict, help="By quantity and temperature, averaged over replicas.")
        spec.output("report", valid_type=orm.Dict, help="The temperatures in K, and those that the fit leaves out.")
        spec.outline(cls.run_all, cls.finish)
        spec.exit_code(401, "ERROR_RUN_FAILED", message="{label} failed: {reason}")
        spec.exit_code(410, "ERROR_NOT_CONVERGED", message="No activation energy: {reason}.")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that every run can be asked for, before one runs."""
        if not {"lattice", "temperatures", "replicas", "seed"} <= set(value):
            return None  # a missing input has its own message
        temperatures, job = value["temperatures"].get_list(), value["lattice"]["lattice"]
        if not temperatures or value["replicas"].value < 1:
            return "give one temperature and one replica at least"
        if len(set(temperatures)) < len(temperatures):
            return "a temperature is given twice"
        given = job["parameters"].get_dict()
        if own := [name for name in _OWN if name in given]:
            return f"{' and '.join(own)} of a run follow from the workchain's own inputs, not from the parameters"
        try:
            for temperature in temperatures:
                asked = {**given, "temperature": temperature, "seed": value["seed"].value}
                complete_request(DIFFUSION, asked, job.get("crystal"))
        except ParameterError as error:
            return str(error)
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        model: Mapping[str, Any],
        *,
        temperatures: Sequence[float],
        version: str,
        replicas: int = 1,
        seed: int = 1,
        species: str = "ion",
        crystal: orm.SinglefileData | None = None,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code, model, version, species, crystal, protocol, overrides, options
            As :meth:`LatticeBaseWorkChain.get_builder_from_protocol` takes them.
        temperatures
            In K.
        replicas
            Runs at each temperature.
        seed
            Of the first replica; each further one takes the next.

        Raises
        ------
        aiida_superionic.workchains.protocol.ProtocolError
            If the protocol or an override is unknown, or a setting is not valid.
        """
        builder = cls.get_builder()
        one = LatticeBaseWorkChain.get_builder_from_protocol(
            code,
            model,
            temperature=temperatures[0] if temperatures else 1.0,
            seed=seed,
            version=version,
            species=species,
            crystal=crystal,
            protocol=protocol,
            overrides=overrides,
            options=options,
        )
        shared = one._inputs(prune=True)
        parameters = shared["lattice"].pop("parameters").get_dict()
        del shared["lattice"]["experiment"]
        builder.lattice._merge(shared)
        builder.lattice.lattice.parameters = orm.Dict({k: v for k, v in parameters.items() if k not in _OWN})
        builder.temperatures = orm.List([float(t) for t in temperatures])
        builder.replicas, builder.seed = orm.Int(replicas), orm.Int(seed)
        return builder

    def run_all(self) -> None:
        """Run every temperature and replica."""
        shared = self.inputs.lattice.lattice.parameters.get_dict()
        self.ctx.runs = [
            [temperature, self.inputs.seed.value + replica]
            for temperature in self.inputs.temperatures.get_list()
            for replica in range(self.inputs.replicas.value)
        ]
        for number, (temperature, seed) in enumerate(self.ctx.runs):
            inputs = self.exposed_inputs(LatticeBaseWorkChain, "lattice")
            inputs.lattice.experiment = orm.Str(DIFFUSION)
            inputs.lattice.parameters = orm.Dict({**shared, "temperature": temperature, "seed": seed})
            inputs.metadata.label = _label(temperature, seed)
            inputs.metadata.call_link_label = f"run_{number:04d}"
            self.to_context(children=append_(self.submit(LatticeBaseWorkChain, **inputs)))

    def finish(self) -> ExitCode | None:
        """Fit the Arrhenius equation to what the runs found."""
        not_converged = LatticeBaseWorkChain.exit_codes.ERROR_NOT_CONVERGED.status
        for (temperature, seed), child in zip(self.ctx.runs, self.ctx.children, strict=True):
            # A run that only bounds its diffusion coefficient has one; one that is too short for any says so.
            if "observables" not in child.outputs or not (child.is_finished_ok or child.exit_status == not_converged):
                reason = reason_of(child)
                return self.exit_codes.ERROR_RUN_FAILED.format(label=_label(temperature, seed), reason=reason)
        species = self.inputs.lattice.lattice.parameters.get_dict().get("species", "ion")
        nodes = {f"run_{number:04d}": child.outputs.observables for number, child in enumerate(self.ctx.children)}
        quantity = orm.Str(f"diffusion_coefficient_{species}")
        found = fit_activation(quantity, orm.List(self.ctx.runs), **nodes)
        self.out_many(found)
        reason = found["report"]["reason"]
        return self.exit_codes.ERROR_NOT_CONVERGED.format(reason=reason) if reason else None


def _label(temperature: float, seed: int) -> str:
    return f"{temperature:.12g} K, seed {seed}"
