"""Wannier centres of the frames of a trajectory, whatever made it: where the electrons of the ions are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.calculations.transfer import TransferCalculation
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.centres import first_structure, join_centres
from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.cp2k_input import batch, of_unlike_frames, with_centres, with_cubes
from aiida_superionic.calculations.cubes import CubeSettings
from aiida_superionic.calculations.frames import named, take_frames
from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.workchains.cp2k import Cp2kBaseWorkChain, left_out_of
from aiida_superionic.workchains.dft import cp2k_inputs, level_of_theory
from aiida_superionic.workchains.reason import reason_of

_SET_HERE = ("cp2k.structure", "cp2k.trajectory", "cp2k.centres_per_ion")
_DEFAULT_BATCH_SIZE = 20


class WannierWorkChain(ContinuedOnce, WorkChain):
    """Compute the Wannier centres of frames in batches, and join ions and centres in one trajectory.

    A frame in which an ion has not the number of centres that it must have is left out by name; the others keep their
    times.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            ConvertCalculation, namespace="convert", namespace_options={"required": False, "populate_defaults": False}
        )
        spec.input(
            "frames",
            valid_type=orm.TrajectoryData,
            required=False,
            help="Frames at home, with sampling_interval in ps among their attributes; else convert brings them.",
        )
        spec.expose_inputs(Cp2kBaseWorkChain, exclude=_SET_HERE)
        # What it checks is set here, frame by frame, and checked by each job.
        spec.inputs["cp2k"].validator = None
        spec.input("centres_per_ion", valid_type=orm.Dict, help="By species: 5 of Ag (q11), 4 of I (q7).")
        spec.input(
            "batch_size",
            valid_type=orm.Int,
            default=lambda: orm.Int(_DEFAULT_BATCH_SIZE),
            validator=lambda node, _: None if node.value > 0 else "batch_size must be at least 1",
            help="Frames in one job, at most.",
        )
        spec.input("cubes", valid_type=orm.Dict, required=False, help="Of which orbitals to make cube files.")
        spec.inputs.validator = cls.validate_inputs
        spec.output(
            "trajectory", valid_type=orm.TrajectoryData, required=False, help="Ions, and their centres as species X."
        )
        spec.output(
            "dipoles", valid_type=orm.ArrayData, required=False, help="Of the electrons of each ion about it, in e Å."
        )
        spec.output(
            "left_out", valid_type=orm.Dict, required=False, help="Of frames without centres: by number the reason."
        )
        spec.output("cubes", valid_type=orm.FolderData, required=False, help="Cube files, named by frame and ion.")
        spec.outline(cls.bring_home, cls.submit_batches, cls.bring_cubes_home, cls.collect)
        spec.exit_code(210, "ERROR_NO_SUCH_ORBITALS", message="Cube files are asked for of {reason}.")
        spec.exit_code(400, "ERROR_FRAMES_UNUSABLE", message="The frames could not be brought home: {reason}")
        spec.exit_code(405, "ERROR_NO_CENTRES", message="No frame has its centres: {reasons}")
        spec.exit_code(410, "ERROR_FRAMES_LEFT_OUT", message="{left} of {total} frames are left out: {reasons}")
        spec.exit_code(420, "ERROR_CUBES_MISSING", message="Cube files are missing: {reasons}")

    @classmethod
    def validate_inputs(cls, value: Any, _: Any) -> str | None:
        """Check that there are frames, from one place."""
        if ("frames" in value) == ("trajectory" in value.get("convert", {})):
            return "frames are given once: as frames at home, or as the trajectory that convert brings home"
        if "frames" in value and "sampling_interval" not in value["frames"].base.attributes.all:
            return "the frames do not say their sampling_interval in ps"
        if "cubes" in value:
            try:
                CubeSettings.model_validate(value["cubes"].get_dict())
            except ValueError as error:
                return f"cubes: {error}"
            if value["clean_workdir"].value:
                return "cube files are taken from the folders of the jobs, which clean_workdir would empty before"
        return None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        frames: orm.TrajectoryData | TrajectoryData,
        centres_per_ion: Mapping[str, int],
        *,
        conversion_code: orm.AbstractCode | None = None,
        every: int = 1,
        protocol: str = "balanced",
        overrides: dict[str, Any] | None = None,
        localisation: Mapping[str, Any] | None = None,
        batch_size: int = _DEFAULT_BATCH_SIZE,
        cubes: Mapping[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        Parameters
        ----------
        code
            CP2K.
        frames
            At home, or left on a computer.
        centres_per_ion
            By species.
        conversion_code, every
            For frames that were left on a computer: ``superionic-convert`` there, and one of how many frames to take.
        protocol, overrides
            Level of theory.
        localisation
            Settings of CP2K's ``LOCALIZE`` to replace, such as ``EPS_LOCALIZATION``: where forces are cheap, most of
            the time goes into sweeps that move the centres by less than a thousandth of an Å.
        batch_size
            Frames in one job, at most.
        cubes
            Of which orbitals to make cube files: the fields of
            :class:`~aiida_superionic.calculations.cubes.CubeSettings`.
        options
            ``metadata.options`` of the jobs: resources, walltime.
        """
        level = level_of_theory(protocol, overrides)
        builder = cls.get_builder()
        if isinstance(frames, TrajectoryData):
            builder.convert.code, builder.convert.trajectory = conversion_code, frames
            builder.convert.every = orm.Int(every)
            species = frames.kinds
        else:
            builder.frames, species = frames, frames.symbols
        builder.batch_size = orm.Int(batch_size)
        builder.centres_per_ion = orm.Dict(dict(centres_per_ion))
        builder.cp2k._update(cp2k_inputs(code, species, level))
        if cubes is not None:
            builder.cubes = orm.Dict(dict(cubes))
        if localisation is not None:
            builder.cp2k.parameters = orm.Dict(with_centres(level.parameters, localisation))
        builder.cp2k["metadata"]["options"]._update(options or {})
        return builder

    def bring_home(self) -> ToContext | None:
        """Bring home the frames that were left on a computer."""
        if "frames" in self.inputs:
            return None
        inputs = self.exposed_inputs(ConvertCalculation, "convert")
        inputs.metadata.call_link_label = "convert"
        return ToContext(conversion=self.submit(ConvertCalculation, **inputs))

    def submit_batches(self) -> ExitCode | None:
        """Run the batches beside each other, and the frames that cube files are wanted of once more by themselves."""
        if "frames" in self.inputs:
            self.ctx.frames = self.inputs.frames
        elif self.ctx.conversion.is_finished_ok:
            self.ctx.frames = self.ctx.conversion.outputs.frames
        else:
            return self.exit_codes.ERROR_FRAMES_UNUSABLE.format(reason=reason_of(self.ctx.conversion))
        n_frames, n_atoms, _ = self.ctx.frames.get_shape("positions")
        cubes = self.inputs.cubes.get_dict() if "cubes" in self.inputs else None
        self.ctx.cubes = CubeSettings.model_validate(cubes) if cubes is not None else None
        if self.ctx.cubes is not None and (beyond := self.ctx.cubes.beyond(n_frames, n_atoms)):
            return self.exit_codes.ERROR_NO_SUCH_ORBITALS.format(reason=beyond)
        n_batches = -(-n_frames // self.inputs.batch_size.value)
        self.ctx.batches = {}
        parameters = with_centres(self.inputs.cp2k.parameters.get_dict())
        for number, indices in enumerate(np.array_split(np.arange(n_frames), n_batches)):
            name = f"batch_{number:04d}"
            self.ctx.batches[name] = indices.tolist()
            self._submit_batch(name, indices.tolist(), parameters)
        if self.ctx.cubes is not None:
            for frame in sorted(self.ctx.cubes.frames):
                self._submit_batch(_of_cubes(frame), [frame], with_cubes(parameters, self.ctx.cubes.stride))
        return None

    def _submit_batch(self, name: str, indices: list[int], parameters: dict[str, Any]) -> None:
        taken = take_frames(self.ctx.frames, orm.List(indices))
        inputs = self.exposed_inputs(Cp2kBaseWorkChain)
        inputs.cp2k.trajectory, inputs.cp2k.structure = taken, first_structure(taken)
        inputs.cp2k.centres_per_ion = self.inputs.centres_per_ion
        inputs.cp2k.parameters = orm.Dict(batch(of_unlike_frames(parameters), len(indices)))
        inputs.metadata.call_link_label = name
        self.to_context(**{name: self.submit(Cp2kBaseWorkChain, **inputs)})

    def bring_cubes_home(self) -> ToContext | None:
        """Take the cube files of the orbitals that were asked for, out of all that CP2K wrote."""
        self.ctx.cube_files, sources = [], {}
        for frame in sorted(self.ctx.cubes.frames) if self.ctx.cubes is not None else ():
            job = self.ctx[_of_cubes(frame)]
            if "wannier" in job.outputs:
                sources[_of_cubes(frame)] = job.outputs.remote_folder
                files = self.ctx.cubes.files(frame, job.outputs.wannier, self.ctx.frames.symbols)
                self.ctx.cube_files += [(_of_cubes(frame), there, here) for here, there in files.items()]
        if not sources:
            return None
        instructions = orm.Dict({"retrieve_files": True, "symlink_files": self.ctx.cube_files})
        metadata = {"computer": self.inputs.cp2k.code.computer, "call_link_label": "cubes"}
        inputs = {"instructions": instructions, "source_nodes": sources, "metadata": metadata}
        return ToContext(transfer=self.submit(TransferCalculation, **inputs))

    def collect(self) -> ExitCode | None:
        """Join the frames that have their centres, and name those that have not."""
        jobs = {name: self.ctx[name] for name in self.ctx.batches}
        left = left_out_of(self.ctx.batches, jobs, "wannier")
        self.out("left_out", orm.Dict({str(number): why for number, why in left.items()}).store())
        batches = {name: job.outputs.wannier for name, job in jobs.items() if "wannier" in job.outputs}
        if not batches:
            return self.exit_codes.ERROR_NO_CENTRES.format(reasons=named(left))
        numbers = orm.Dict({name: self.ctx.batches[name] for name in batches})
        self.out_many(join_centres(self.ctx.frames, numbers, **batches))
        without_cubes = self._collect_cubes()
        if left:
            total = sum(map(len, self.ctx.batches.values()))
            return self.exit_codes.ERROR_FRAMES_LEFT_OUT.format(left=len(left), total=total, reasons=named(left))
        return self.exit_codes.ERROR_CUBES_MISSING.format(reasons=named(without_cubes)) if without_cubes else None

    def _collect_cubes(self) -> dict[int, str]:
        """Give out the cube files, and return of which frames there are none or not all, and why."""
        there: set[str] = set()
        if "transfer" in self.ctx and "retrieved" in self.ctx.transfer.outputs:
            self.out("cubes", self.ctx.transfer.outputs.retrieved)
            there = set(self.ctx.transfer.outputs.retrieved.base.repository.list_object_names())
        alone = {_of_cubes(frame): [frame] for frame in self.ctx.cubes.frames} if self.ctx.cubes is not None else {}
        missing = left_out_of(alone, {name: self.ctx[name] for name in alone}, "wannier")
        for name, _, file in self.ctx.cube_files:
            if file not in there:
                missing[alone[name][0]] = f"{file} did not come home"
        return missing


def _of_cubes(frame: int) -> str:
    return f"cubes_{frame:04d}"
