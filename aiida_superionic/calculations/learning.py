"""What a learning loop decides between its jobs, each decision a node of its own on the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from ase import Atoms

from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.datasets.dataset import ordered
from aiida_superionic.learning.assessment import UNITS
from aiida_superionic.learning.exploration import Exploration
from aiida_superionic.learning.settings import CommitteeLearning, LearnSettings, OnTheFlyLearning
from aiida_superionic.learning.trust import Array, SortedFrames, committee_deviations

_BEGIN = 1
"""The first frame is where a run began: it was given, labelled, or assessed as the last one of the run before."""


@calcfunction
def choose_frames(
    settings: orm.Dict, step: orm.Dict, seed: orm.Int, **assessed: orm.ArrayData | DatasetData
) -> dict[str, orm.Data]:
    """Choose what gets a label among the frames of the explorations of one iteration.

    Parameters
    ----------
    settings
        A :class:`LearnSettings`.
    step
        Of the loop: its ``iteration``; the ``structure`` that is explored and the ``steps`` of the rung; ``walkers``,
        by name the temperature of each in K; ``went_whole``, whether all of them came to the end of the rung; and
        ``labelled``, how many frames the loop labelled so far. What else it holds goes into the row.
    seed
        Of the draw, where frames are drawn.
    assessed
        Of each walker the ``assessment_NAME`` of its frames, and ``frames_NAME``, those that were kept, if there are.

    Returns
    -------
    dict
        ``row``: numbers of frames that were explored, and of which are accurate, candidates, failed, labelled, and
        ``discarded`` after one that gets a label; ``frames``: those that get a label, if there are any; and, on the
        fly, for each walker with such a frame ``structure_NAME``, the frame, and in the row its number.
    """
    given = LearnSettings.model_validate(settings.get_dict())
    learning, about = given.learning, step.get_dict()
    walkers = {
        name: _Walker(
            name, about, learning.kept_above, assessed[f"assessment_{name}"].get_array(learning.measure), frames
        )
        for name, frames in ((name, assessed.get(f"frames_{name}")) for name in sorted(about["walkers"]))
    }
    if isinstance(learning, CommitteeLearning):
        row, frames, outputs = _candidates(learning, walkers, about, seed.value)
    else:
        row, frames, outputs = _triggers(learning, walkers)
    shown = {key: value for key, value in about.items() if key not in {"walkers", "went_whole", "labelled"}}
    outputs["row"] = orm.Dict({**shown, **row, "labelled": len(frames)})
    if frames:
        outputs["frames"] = DatasetData(Dataset(ordered(frames)))
    return outputs


@calcfunction
def compare_members(above: orm.Float, **members: DatasetData) -> dict[str, orm.Data]:
    """Return how far the labels of the members of a committee are from one another.

    Parameters
    ----------
    above
        The largest deviation on an atom of a frame, in eV/Å, from which on the frame is kept.
    members
        The same frames, labelled by each member.

    Returns
    -------
    dict
        ``assessment``: the largest and the mean deviation on the atoms of each frame; ``frames``: those that are kept,
        without labels, if there are any.
    """
    labelled = [members[name].dataset.frames for name in sorted(members)]
    deviations = [
        committee_deviations(np.array([one.labels[1] for one in same])) for same in zip(*labelled, strict=True)
    ]
    values = {"largest": [float(np.max(of)) for of in deviations], "mean": [float(np.mean(of)) for of in deviations]}
    assessment = orm.ArrayData({f"committee_deviation_{name}": np.array(each) for name, each in values.items()})
    assessment.base.attributes.set("units", {name: UNITS[name] for name in assessment.get_arraynames()})
    kept = [labelled[0][k].unlabelled for k, value in enumerate(values["largest"]) if not value < above.value]
    return {"assessment": assessment, **({"frames": DatasetData(Dataset(tuple(kept)))} if kept else {})}


@calcfunction
def list_iterations(**rows: orm.Dict) -> orm.Dict:
    """Return the rows of all iterations, in the order of their names."""
    return orm.Dict({"iterations": [rows[name].get_dict() for name in sorted(rows)]})


def rows_of(loop: orm.WorkChainNode) -> list[dict[str, Any]]:
    """Return the row of each iteration of a learning loop so far, whether it still runs or not."""
    chosen = [called for called in loop.called if called.process_label == choose_frames.__name__]
    rows = [one.outputs.row.get_dict() for one in chosen if one.is_finished_ok]
    # A worker that was killed right after a choice left it to the next one to repeat.
    return list({row["iteration"]: row for row in sorted(rows, key=lambda row: row["iteration"])}.values())


def exploring_dynamics(exploration: Exploration, temperature: float, steps: int, sampling_steps: int) -> MdSettings:
    """Return the settings of a run of so many timesteps, of which each frame is written that is to be assessed."""
    duration, sampling = steps * exploration.timestep, sampling_steps * exploration.timestep
    return MdSettings(
        ensemble="nvt",
        temperature=temperature,
        duration=duration,
        timestep=exploration.timestep,
        thermostat_damping=exploration.thermostat_damping,
        sampling_interval=sampling,
        thermo_interval=sampling,
        checkpoint_interval=duration,
        mobile=exploration.mobile,
        host_displacement_limit=exploration.host_displacement_limit,
    )


class _Walker:
    """The frames of one exploration: what they are judged by, and those that were kept."""

    def __init__(
        self, name: str, about: Mapping[str, Any], above: float, values: Array, kept: DatasetData | None
    ) -> None:
        self.values = values
        self._frames = kept.dataset.frames if kept is not None else ()
        self._places = {int(number): place for place, number in enumerate(np.flatnonzero(~(values < above)))}
        self._temperature = about["walkers"][name]
        self._origin = f"{about['structure']} at {self._temperature:g} K, iteration {about['iteration']}, {name}"

    def frame(self, number: int, subset: str) -> Frame:
        """Return a frame that was kept."""
        return replace(
            self._frames[self._places[number]],
            temperature=self._temperature,
            origin=f"{self._origin}, frame {number}",
            subset=subset,
        )


def _candidates(
    learning: CommitteeLearning, walkers: Mapping[str, _Walker], about: Mapping[str, Any], seed: int
) -> tuple[dict[str, Any], Sequence[Frame], dict[str, orm.Data]]:
    frames = learning.trust.sort(np.concatenate([walker.values[_BEGIN:] for walker in walkers.values()]))
    row = {**_counts(frames), "discarded": 0, "converged": learning.convergence.reached(frames)}
    if row["converged"] and about["went_whole"]:
        return row, [], {}
    candidates = [
        walker.frame(int(number) + _BEGIN, "train")
        for walker in walkers.values()
        for number in learning.trust.sort(walker.values[_BEGIN:]).candidates
    ]
    chosen = [candidates[number] for number in learning.choice.choose(candidates, seed)] if candidates else []
    for place in range(len(chosen)):
        if (about["labelled"] + place + 1) % learning.validation_every == 0:
            chosen[place] = replace(chosen[place], subset="validation")
    return row, chosen, {}


def _triggers(
    learning: OnTheFlyLearning, walkers: Mapping[str, _Walker]
) -> tuple[dict[str, Any], Sequence[Frame], dict[str, orm.Data]]:
    firsts = {name: learning.trigger.first(walker.values, _BEGIN) for name, walker in walkers.items()}
    triggered = {name: number for name, number in firsts.items() if number is not None}
    chosen = [walkers[name].frame(number, "train") for name, number in triggered.items()]
    structures = {
        f"structure_{name}": orm.StructureData(ase=Atoms(f.species, f.positions, cell=f.cell, pbc=True))
        for name, f in zip(triggered, chosen, strict=True)
    }
    explored = {name: triggered.get(name, len(walker.values) - 1) + 1 for name, walker in walkers.items()}
    n_explored = sum(explored.values()) - _BEGIN * len(walkers)
    row = {
        "explored": n_explored,
        "accurate": n_explored - len(triggered),
        "candidates": len(triggered),
        "failed": 0,
        "discarded": sum(len(walker.values) - explored[name] for name, walker in walkers.items()),
        "converged": not triggered,
        "triggered": triggered,
    }
    return row, chosen, structures


def _counts(frames: SortedFrames) -> dict[str, int]:
    accurate, candidates, failed = len(frames.accurate), len(frames.candidates), len(frames.failed)
    return {
        "explored": accurate + candidates + failed,
        "accurate": accurate,
        "candidates": candidates,
        "failed": failed,
    }
