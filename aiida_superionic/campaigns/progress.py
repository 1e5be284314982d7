"""What a running point is doing now."""

from __future__ import annotations

import re
from pathlib import Path

from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.calculations import usage
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.campaigns.attempts import PointStatus, State

_TAIL_BYTES = 4096
_THERMO_STEP = re.compile(rb"^\s*(\d+)(?:\s+[-+.\deE]+)+\s*$", re.MULTILINE)


def progress_of(status: PointStatus) -> str:
    """Return what the attempt at a point is doing, in words; the reason where it failed."""
    if status.attempt is None or status.state is State.MISSING:
        return ""
    if status.state is not State.RUNNING:
        return status.attempt.message
    jobs = [
        (stage.pk, label, stage)
        for label, stage in _descendant_jobs(orm.load_node(status.attempt.pk))
        if not stage.is_terminated
    ]
    if not jobs:
        return "between jobs"
    _, stage, job = max(jobs)
    return f"{stage} {_job_progress(job)}".rstrip()


def _descendant_jobs(workchain: orm.WorkChainNode) -> list[tuple[str, orm.CalcJobNode]]:
    """Return the jobs below a workchain, each with the name of the stage that it belongs to."""
    found: list[tuple[str, orm.CalcJobNode]] = []
    for link in workchain.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all():
        if isinstance(link.node, orm.CalcJobNode):
            found.append((link.link_label, link.node))
        elif isinstance(link.node, orm.WorkChainNode):
            named = link.link_label if link.link_label != "md" else ""
            found += [(named or label, job) for label, job in _descendant_jobs(link.node)]
    return found


def _job_progress(job: orm.CalcJobNode) -> str:
    """Return how far a job on this machine has come, as far as its files tell."""
    folder = job.get_remote_workdir()
    if folder is None:
        return "is being prepared"
    if job.computer.transport_type != "core.local":
        return ""
    if not (Path(folder) / usage.FILE).exists():
        return "waits for a slot"
    if job.process_class is not LammpsCalculation:
        return ""
    steps = _THERMO_STEP.findall(_tail(Path(folder) / job.get_option("output_filename")))
    if not steps:
        return ""
    total = MdSettings.model_validate(job.inputs.parameters.get_dict()).steps("duration")
    return f"{min(int(steps[-1]) / total, 1.0):.0%}"


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            handle.seek(0, 2)
            handle.seek(max(0, handle.tell() - _TAIL_BYTES))
            return handle.read()
    except OSError:
        return b""
