"""Workchains whose steps each need the results of some jobs, and that lose nothing where something is killed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.common.links import LinkType
from aiida.engine import ExitCode, WorkChain, while_

from aiida_superionic.calculations.once import ContinuedOnce
from aiida_superionic.workchains.reason import reason_of

_MOST_ATTEMPTS = 3
_RECOVERABLE_FROM = 400


class StepsWorkChain(ContinuedOnce, WorkChain):
    """A workchain that plans the jobs of a step, runs them beside each other, and takes their results.

    A job that was killed, or left nothing to read, is run again, at most twice: its failure says nothing of its inputs.
    """

    FAILURES: ClassVar[Mapping[str, str]]
    """By step, the exit code of the workchain where a job fails; its message takes the ``reason``."""

    def process_of(self, step: str, name: str) -> tuple[type, AttributeDict]:
        """Return what runs one of the jobs of a step, and its inputs."""
        raise NotImplementedError

    def mended(self, name: str, node: orm.ProcessNode) -> bool | ExitCode:
        """Return whether a job that failed can go on otherwise, or has given enough; or why there is no use in it."""
        return False

    def put_out(self) -> None:
        """Put out what there is, at the end or before it."""

    @classmethod
    def work(cls) -> tuple[Any, ...]:
        """Return the part of an outline that does what was planned before it."""
        return (while_(cls.has_jobs)(cls.run_jobs, cls.inspect_jobs),)

    def plan(self, step: str, names: Iterable[str]) -> None:
        """Begin a step with some jobs."""
        self.ctx.step, self.ctx.round, self.ctx.todo = step, 0, dict.fromkeys(names, 0)

    def drop(self, name: str) -> bool:
        """Take a job as it is; return true."""
        del self.ctx.todo[name]
        return True

    def has_jobs(self) -> bool:
        """Return whether the step lacks results."""
        return bool(self.ctx.todo)

    def run_jobs(self) -> None:
        """Submit the jobs of the step that have no results yet.

        A worker that is killed here leaves jobs of which the next worker's state knows nothing: they are found by the
        labels of their links, and not submitted once more.
        """
        links = self.node.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
        submitted = {link.link_label: link.node for link in links if link.node.process_state is not None}
        for name in self.ctx.todo:
            label = f"{self.ctx.step}_{self.ctx.iteration:04d}_{self.ctx.round}_{name}"
            node = submitted.get(label)
            if node is None:
                process, inputs = self.process_of(self.ctx.step, name)
                inputs.setdefault("metadata", {})["call_link_label"] = label
                node = self.submit(process, **inputs)
            self.to_context(**{f"{self.ctx.step}_{name}": node})

    def inspect_jobs(self) -> ExitCode | None:
        """Keep what ended well, mend what can be, and run again what was killed."""
        self.ctx.round += 1
        for name in list(self.ctx.todo):
            node = self.ctx[f"{self.ctx.step}_{name}"]
            if node.is_finished_ok:
                self.drop(name)
                continue
            mended = self.mended(name, node)
            if isinstance(mended, ExitCode):
                return self.ended(mended)
            if mended:
                continue
            self.ctx.todo[name] += 1
            if self.ctx.todo[name] >= _MOST_ATTEMPTS or not _may_end_well(last_job(node)):
                reason = reason_of(node)
                return self.ended(self.exit_codes[self.FAILURES[self.ctx.step]].format(reason=reason))
            self.report(f"{node.process_label}<{node.pk}> is run again: {reason_of(node)}")
        return None

    def ended(self, code: ExitCode) -> ExitCode:
        """Put out what there is, and return why there is no more."""
        self.put_out()
        return code


def last_job(node: orm.ProcessNode) -> orm.ProcessNode:
    """Return the last job that a process called; the process itself where it called none."""
    jobs = [called for called in node.called if isinstance(called, orm.CalcJobNode)]
    return max(jobs, key=lambda job: job.pk, default=node)


def _may_end_well(node: orm.ProcessNode) -> bool:
    """Return whether a job was killed, broke off or left nothing, which says nothing of its inputs."""
    if not isinstance(node, orm.CalcJobNode) or not node.is_finished:
        return False
    codes = (code for code in node.process_class.exit_codes.values() if code.status == node.exit_status)
    return node.exit_status >= _RECOVERABLE_FROM or any(code.invalidates_cache for code in codes)
