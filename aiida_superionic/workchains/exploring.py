"""The explorations of a learning loop: runs that climb a ladder, are cut where they come apart, and go on."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_superionic.calculations.dynamics import DynamicsCalcJob
from aiida_superionic.calculations.functions import begin_production
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.learning import exploring_dynamics
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.learning.exploration import Rung, derived_seed
from aiida_superionic.learning.settings import LearnSettings, OnTheFlyLearning
from aiida_superionic.workchains.reason import reason_of
from aiida_superionic.workchains.steps import StepsWorkChain, last_job

_CODES = DynamicsCalcJob.exit_codes
_CAME_APART = {
    code.status for code in (_CODES.ERROR_HOST_LATTICE_MOLTEN, _CODES.ERROR_UNSTABLE, _CODES.ERROR_NON_NUMERIC)
}
_FEWEST_FRAMES = 5
"""Of a run that comes apart: what does so within fewer timesteps has nothing to teach."""
COMMITTEE, VELOCITIES, CHOICE = range(3)
"""What a seed is for: the first number that it is derived with."""


class ExploringWorkChain(StepsWorkChain):
    """A workchain that follows structures along a ladder of lengths, each run from where the last one left it."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Declare the ports and the exit codes."""
        super().define(spec)
        spec.input_namespace(
            "structures", valid_type=orm.StructureData, dynamic=True, help="Where explorations start, by name."
        )
        spec.input("settings", valid_type=orm.Dict, validator=cls.validate_settings, help="A LearnSettings.")
        spec.input("seed", valid_type=orm.Int, help="Of everything that is random.")
        spec.input(
            "max_iterations",
            valid_type=orm.Int,
            default=lambda: orm.Int(100),
            validator=lambda node, _: None if node.value > 0 else "max_iterations must be at least 1",
            help="Explorations, at most.",
        )
        spec.expose_inputs(LammpsCalculation, namespace="explore", include=("code", "metadata"))
        # Without what is set here there is nothing to check; each job is.
        spec.inputs["explore"].validator = None
        spec.exit_code(402, "ERROR_EXPLORATION_FAILED", message="The exploration failed: {reason}")
        spec.exit_code(
            410,
            "ERROR_NOT_CONVERGED",
            message="After {iterations} iterations {structure} is not known for {steps} steps.",
        )
        spec.exit_code(
            411,
            "ERROR_EXPLORATION_CAME_APART",
            message="At {temperature:g} K {structure} comes apart at once: {reason}",
        )

    @classmethod
    def validate_settings(cls, value: orm.Dict, _: Any) -> str | None:
        """Check the settings against :class:`LearnSettings`."""
        try:
            LearnSettings.model_validate(value.get_dict())
        except ValueError as error:
            return str(error)
        return None

    @property
    def settings(self) -> LearnSettings:
        """What is asked for."""
        return LearnSettings.model_validate(self.inputs.settings.get_dict())

    @property
    def rung(self) -> Rung:
        """Where the ladder has been climbed to."""
        rung: Rung = self.settings.exploration.rungs[self.ctx.rung]
        return rung

    def stand_at_the_foot(self) -> None:
        """Begin the ladder."""
        self.ctx.iteration = self.ctx.rung = 0
        self.ctx.walkers = {}

    def is_on_the_ladder(self) -> bool:
        """Return whether a rung is left."""
        return bool(self.ctx.rung < len(self.settings.exploration.rungs))

    def plan_exploration(self) -> ExitCode | None:
        """Set out from where the rung begins, or go on."""
        if self.ctx.iteration == self.inputs.max_iterations.value:
            code, rung = self.exit_codes.ERROR_NOT_CONVERGED, self.rung
            return self.ended(code.format(iterations=self.ctx.iteration, structure=rung.structure, steps=rung.steps))
        self.ctx.iteration += 1
        learning = self.settings.learning
        longest = learning.segment_steps if isinstance(learning, OnTheFlyLearning) else self.rung.steps
        for name in self.settings.exploration.walkers:
            begun = {"structure": self.inputs.structures[self.rung.structure], "done": 0}
            walker = self.ctx.walkers.setdefault(name, AttributeDict(begun))
            walker.length = min(self.rung.steps - walker.done, longest)
            walker.sampling = self.settings.exploration.sampling_steps
        self.plan("exploration", [name for name, walker in self.ctx.walkers.items() if walker.length > 0])
        return None

    def exploration(self, name: str, potential: PotentialData) -> AttributeDict:
        """Return the inputs of the stage of dynamics that one walker takes."""
        exploration, walker = self.settings.exploration, self.ctx.walkers[name]
        settings = exploring_dynamics(exploration, exploration.walkers[name], walker.length, walker.sampling)
        number = list(exploration.walkers).index(name)
        seed = derived_seed(self.inputs.seed.value, VELOCITIES, self.ctx.iteration, number)
        job = self.exposed_inputs(LammpsCalculation, "explore")
        job.update(
            structure=walker.structure,
            potential=potential,
            parameters=orm.Dict(settings.model_dump(mode="json")),
            seed=orm.Int(seed),
        )
        if "start" in walker:
            job.update(start=walker.start, parent_folder=walker.parent_folder)
        # What comes apart does so because the potential does not know the frame: no other timestep would mend it.
        overrides = orm.Dict({"halve_timestep": {"enabled": False}})
        return AttributeDict({"lammps": job, "handler_overrides": overrides})

    def mended(self, name: str, node: orm.ProcessNode) -> bool | ExitCode:
        """Halve the run of a walker that came apart, and look at it more often where that leaves few frames."""
        job = last_job(node)
        if self.ctx.step != "exploration" or job.exit_status not in _CAME_APART:
            return False
        exploration, walker = self.settings.exploration, self.ctx.walkers[name]
        walker.length //= 2
        walker.sampling = max(1, min(walker.sampling, walker.length // _FEWEST_FRAMES))
        walker.length -= walker.length % walker.sampling
        if walker.length >= _FEWEST_FRAMES:
            return True
        code, temperature = self.exit_codes.ERROR_EXPLORATION_CAME_APART, exploration.walkers[name]
        return code.format(temperature=temperature, structure=self.rung.structure, reason=reason_of(job))

    @property
    def explored(self) -> dict[str, orm.WorkChainNode]:
        """The runs of this iteration, by the names of their walkers."""
        return {name: self.ctx[f"exploration_{name}"] for name, walker in self.ctx.walkers.items() if walker.length > 0}

    def went_whole(self) -> bool:
        """Return whether every run of the iteration came to the end of the rung."""
        return all(walker.done + walker.length >= self.rung.steps for walker in self.ctx.walkers.values())

    def go_on(self, frames: dict[str, int], structures: dict[str, orm.StructureData]) -> bool:
        """Let walkers begin anew at some frames of their runs, and go on from the end of the others.

        Parameters
        ----------
        frames
            Number of the frame in its run, by the name of the walker.
        structures
            What the frames are.

        Returns
        -------
        bool
            Whether all walkers have come to the end of the rung.
        """
        for name, node in self.explored.items():
            walker = self.ctx.walkers[name]
            if name in frames:
                begun = {"structure": structures[name], "done": walker.done + frames[name] * walker.sampling}
            else:
                begun = {
                    "structure": walker.structure,
                    "done": walker.done + walker.length,
                    "start": begin_production(node.outputs.checkpoint),
                    "parent_folder": node.outputs.remote_folder,
                }
            self.ctx.walkers[name] = AttributeDict({**begun, "length": 0})
        return all(walker.done >= self.rung.steps for walker in self.ctx.walkers.values())

    def next_rung(self) -> None:
        """Climb."""
        self.ctx.rung += 1
        self.ctx.walkers = {}
