"""What the files of one stage of molecular dynamics mean, whichever engine ran it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from aiida import orm
from ase import Atoms

from aiida_superionic.analysis.trajectory import Array
from aiida_superionic.calculations.explosion import explosion
from aiida_superionic.calculations.lammps import DIGEST_FILE, kinds_of
from aiida_superionic.calculations.settings import MdSettings, Start
from aiida_superionic.data.trajectory import TrajectoryData
from aiida_superionic.parsers.files import FilesParser, read_digests


class DynamicsParser(FilesParser):
    """Knows what a stage was asked for, and stores what it left as any engine's stage does."""

    @cached_property
    def settings(self) -> MdSettings:
        """What the stage does."""
        return MdSettings.model_validate(self.node.inputs.parameters.get_dict())

    @cached_property
    def start(self) -> Start | None:
        """The checkpoint from which it started, where it did."""
        return Start.model_validate(self.node.inputs.start.get_dict()) if "start" in self.node.inputs else None

    def part(self) -> tuple[str, ...]:
        """Return the files of the part of the trajectory that this job writes."""
        raise NotImplementedError

    def parts(self) -> list[str]:
        """Return the files of the whole trajectory until the end of this job, in their order."""
        if self.settings.sampling_interval is None:
            return []
        return [*(self.start.trajectory if self.start else ()), *self.part()]

    def explosion(self, thermo: Mapping[str, Array]) -> str | None:
        """Return in words where the dynamics explode, None where they do not."""
        if not thermo:
            return None
        return explosion(zip(thermo["step"], thermo["temperature"], strict=True), self.settings.temperature)

    def store_checkpoint(self, file: str, step: int) -> None:
        """Store from where the stage can go on."""
        checkpoint = Start(file=file, step=step, trajectory=tuple(self.parts()))
        self.out("checkpoint", orm.Dict(checkpoint.model_dump(mode="json")))

    def store_structure(self, atoms: Atoms) -> None:
        """Store the last frame."""
        structure = orm.StructureData(ase=atoms)
        structure.label = f"{self.node.inputs.structure.label}, last frame".removeprefix(", ")
        self.out("structure", structure)

    def trajectory(self, **described: Any) -> TrajectoryData | None:
        """Return the trajectory, None where a file of it is missing; what else is known of it is ``described``."""
        digests = read_digests(self.text(DIGEST_FILE))
        if list(digests) != self.parts():
            return None
        settings = self.settings
        return TrajectoryData(
            self._where_it_lies(),
            computer=self.node.computer,
            files=digests,
            kinds=kinds_of(self.node.inputs.structure),
            mobile=settings.mobile,
            formal_charges=settings.formal_charges,
            md_timestep=settings.timestep,
            n_frames=settings.steps("duration") // settings.steps("sampling_interval") + 1,
            sampling_interval=settings.sampling_interval,
            **described,
        )

    def _where_it_lies(self) -> str:
        """Return the folder of the trajectory: the stash where it was copied to one, else that of the job."""
        outputs = self.node.outputs
        if "remote_stash" in outputs and isinstance(outputs.remote_stash, orm.RemoteStashFolderData):
            return str(outputs.remote_stash.target_basepath)
        return str(outputs.remote_folder.get_remote_path())
