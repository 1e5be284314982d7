"""Labels for a dataset: energies, forces and stress of its frames with CP2K, many frames in a job."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.cp2k_input import batch, of_unlike_frames
from aiida_superionic.calculations.frames import named
from aiida_superionic.calculations.labels import batches_of, label_dataset, take_batch
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.workchains.cp2k import Cp2kBaseWorkChain, left_out_of
from aiida_superionic.workchains.dft import cp2k_inputs, level_of_theory

_SET_HERE = ("cp2k.structure", "cp2k.trajectory")
_DEFAULT_BATCH_SIZE = 20


class LabelWorkChain(ContinuedOnce, WorkChain):
    """Label the frames of a dataset in batches; what cannot be labelled is left out by name."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(Cp2kBaseWorkChain, exclude=_SET_HERE)
        # Without frames and a run there is nothing to check; each batch is.
        spec.inputs["cp2k"].validator = None
        spec.input("dataset", valid_type=DatasetData, help="Frames to label; labels that they have are replaced.")
        spec.input("level_of_theory", valid_type=orm.Str, help="In words, of the parameters.")
        spec.input(
            "batch_size",
            valid_type=orm.Int,
            default=lambda: orm.Int(_DEFAULT_BATCH_SIZE),
            validator=lambda node, _: None if node.value > 0 else "batch_size must be at least 1",
            help="Frames in one job, at most.",
        )
        spec.output("dataset", valid_type=DatasetData, required=False, help="The frames that could be labelled.")
        spec.output("left_out", valid_type=orm.Dict, help="Of the others: by number in the dataset the reason.")
        spec.outline(cls.submit_batches, cls.collect)
        spec.exit_code(400, "ERROR_NO_LABELS", message="No frame could be labelled: {reasons}")
        spec.exit_code(410, "ERROR_FRAMES_LEFT_OUT", message="{left} of {total} frames are left out: {reasons}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        dataset: DatasetData,
        *,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        batch_size: int = _DEFAULT_BATCH_SIZE,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code
            CP2K.
        dataset
            The frames.
        protocol
            ``xtb``, ``fast``, ``balanced`` or ``precise``.
        overrides
            Settings of the protocol to replace, in its own words and units.
        batch_size
            Frames in one job, at most.
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
        builder.dataset, builder.batch_size = dataset, orm.Int(batch_size)
        species = dataset.base.attributes.get("species")
        builder.level_of_theory = orm.Str(level.name_for(species))
        builder.cp2k._update(cp2k_inputs(code, species, level))
        builder.cp2k["metadata"]["options"]._update(options or {})
        return builder

    def submit_batches(self) -> None:
        """Run the batches beside each other."""
        self.ctx.batches = {}
        for number, numbers in enumerate(batches_of(self.inputs.dataset.dataset, self.inputs.batch_size.value)):
            name = f"batch_{number:04d}"
            self.ctx.batches[name] = numbers
            taken = take_batch(self.inputs.dataset, orm.List(numbers))
            inputs = self.exposed_inputs(Cp2kBaseWorkChain)
            parameters = orm.Dict(batch(of_unlike_frames(inputs.cp2k.parameters.get_dict()), len(numbers)))
            inputs.cp2k.update(taken, parameters=parameters)
            inputs.metadata.call_link_label = name
            self.to_context(**{name: self.submit(Cp2kBaseWorkChain, **inputs)})

    def collect(self) -> ExitCode | None:
        """Make a dataset of what was labelled, and name what was not."""
        jobs = {name: self.ctx[name] for name in self.ctx.batches}
        labels = {name: job.outputs.labels for name, job in jobs.items() if "labels" in job.outputs}
        left = left_out_of(self.ctx.batches, jobs, "labels")
        self.out("left_out", orm.Dict({str(number): why for number, why in left.items()}).store())
        if labels:
            batches = orm.Dict({name: self.ctx.batches[name] for name in labels})
            made = label_dataset(self.inputs.dataset, self.inputs.level_of_theory, batches, **labels)
            self.out("dataset", made)
        if not left:
            return None
        if not labels:
            return self.exit_codes.ERROR_NO_LABELS.format(reasons=named(left))
        total = sum(map(len, self.ctx.batches.values()))
        return self.exit_codes.ERROR_FRAMES_LEFT_OUT.format(left=len(left), total=total, reasons=named(left))
