"""Processes that run together in the process that starts them, without a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from aiida import orm
from aiida.engine import Process, ProcessBuilder
from aiida.manage import get_manager

from aiida_superionic.errors import SuperionicError
from aiida_superionic.workchains.reason import reason_of

_LOOK_EVERY = 0.2  # s


class FailedProcessError(SuperionicError):
    """A process that did not end well."""


def builder_of(process: type[Process], **inputs: Any) -> ProcessBuilder:
    """Return a builder of a process with some inputs."""
    builder = process.get_builder()
    for name, value in inputs.items():
        setattr(builder, name, value)
    return builder


def run_together(*builders: ProcessBuilder, lacking: Collection[int] = ()) -> list[orm.ProcessNode]:
    """Run processes beside each other, and return their nodes when all have ended.

    Parameters
    ----------
    builders
        Of the processes.
    lacking
        Exit statuses of processes that lack something, and whose outputs are of use all the same.

    Raises
    ------
    FailedProcessError
        If one of them did not end well.
    """
    runner = get_manager().create_runner(communicator=None, poll_interval=_LOOK_EVERY)
    nodes = [runner.submit(builder) for builder in builders]

    async def wait() -> None:
        while not all(node.is_terminated for node in nodes):
            await asyncio.sleep(_LOOK_EVERY)

    runner.loop.run_until_complete(wait())
    for node in nodes:
        if not node.is_finished_ok and node.exit_status not in lacking:
            reason = reason_of(node)
            raise FailedProcessError(f"{node.process_label} {node.pk} failed: {reason}")
    return nodes
