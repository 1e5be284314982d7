"""What a running point is doing now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.cp2k_md import ENERGIES_FILE, Cp2kMdCalculation
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.campaigns.attempts import PointStatus, State
from aiida_superionic.campaigns.awaited import Awaited, awaited

_TAIL_BYTES = 4096
_NO_STAGE = re.compile(r"iteration_\d+")  # what a restarting workchain calls each try of a stage
_THERMO_STEP = re.compile(rb"^[ ]*(\d+)(?:[ ]+[-+.\deE]+)+[ ]*$", re.MULTILINE)


@dataclass(frozen=True)
class _Job:
    pk: int
    process_type: str
    paused: bool | None
    process_status: str | None
    folder: str | None
    output_filename: str
    transport_type: str
    parameters: dict[str, Any] | None


def progress_of(statuses: Sequence[PointStatus]) -> list[str]:
    """Return what the attempt at each point is doing, in words; the reason where it failed."""
    running = [status.attempt.pk for status in statuses if status.attempt and status.state is State.RUNNING]
    chains = awaited(running)
    jobs = _jobs([chain[-1].pk for found in chains.values() for chain in found if chain[-1].is_job])
    return [_in_words(status, chains, jobs) for status in statuses]


def _in_words(status: PointStatus, chains: dict[int, list[list[Awaited]]], jobs: dict[int, _Job]) -> str:
    if status.attempt is None or status.state in {State.MISSING, State.WAITING}:
        return status.awaits
    found = chains.get(status.attempt.pk)
    if found is None:
        return status.attempt.message
    to_jobs = [chain for chain in found if chain[-1].pk in jobs]
    if not to_jobs:
        return "between jobs"
    # Where several are open, a paused one wants help, and one that is at work says more than one that is not.
    chain = min(to_jobs, key=lambda chain: (not jobs[chain[-1].pk].paused, not _has_begun(jobs[chain[-1].pk])))
    # An attempt at a model of a lattice is one job, and no stage of anything.
    stage = next((process.label for process in reversed(chain) if not _NO_STAGE.fullmatch(process.label)), "run")
    beside = f", {len(to_jobs) - 1} more open" if len(to_jobs) > 1 else ""
    return f"{stage} {_job_progress(jobs[chain[-1].pk])}".rstrip() + beside


def _jobs(pks: Sequence[int]) -> dict[int, _Job]:
    if not pks:
        return {}
    keys = ("paused", "process_status", "remote_workdir", "output_filename")
    query = orm.QueryBuilder().append(
        orm.CalcJobNode,
        filters={"id": {"in": list(pks)}},
        project=["id", "process_type", *(f"attributes.{key}" for key in keys)],
        tag="job",
    )
    query.append(orm.Computer, with_node="job", project="transport_type")
    inputs = orm.QueryBuilder().append(orm.CalcJobNode, filters={"id": {"in": list(pks)}}, project="id", tag="job")
    inputs.append(orm.Dict, with_outgoing="job", edge_filters={"label": "parameters"}, project="attributes")
    parameters = dict(inputs.all())
    return {row[0]: _Job(*(*row, parameters.get(row[0]))) for row in query.all()}


def _job_progress(job: _Job) -> str:
    """Return how far a job on this machine has come, as far as its files tell."""
    if job.paused:
        return f"is paused: {job.process_status}; go on with: verdi process play {job.pk}"
    if job.folder is None:
        return "is being prepared"
    if job.transport_type != "core.local":
        return ""
    if not _has_begun(job):
        return "waits for a slot"
    thermo = {
        LammpsCalculation.build_process_type(): job.output_filename,
        Cp2kMdCalculation.build_process_type(): ENERGIES_FILE,
    }
    if job.process_type not in thermo:
        return ""
    steps = _THERMO_STEP.findall(_tail(Path(job.folder) / thermo[job.process_type]))
    if not steps or job.parameters is None:
        return ""
    return f"{min(int(steps[-1]) / MdSettings.model_validate(job.parameters).steps('duration'), 1.0):.0%}"


def _has_begun(job: _Job) -> bool:
    """Return whether a job is at work; of one on another machine its files are not asked."""
    return job.folder is not None and (job.transport_type != "core.local" or (Path(job.folder) / usage.FILE).exists())


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            handle.seek(0, 2)
            handle.seek(max(0, handle.tell() - _TAIL_BYTES))
            return handle.read()
    except OSError:
        return b""
