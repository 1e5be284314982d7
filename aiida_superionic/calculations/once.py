"""Processes that one worker runs at a time, whatever a broker tells the others."""

from __future__ import annotations

import fcntl
import os
from functools import cache
from pathlib import Path
from typing import Any

from aiida.engine import Process
from aiida.manage import get_manager
from aiida.manage.configuration import get_config
from kiwipy import DuplicateSubscriberIdentifier


class ContinuedOnce(Process):
    """A process that no worker continues while another does.

    When RabbitMQ is restarted, or a connection to it is lost, the tasks of the workers are given out again, while each
    worker goes on with the processes that it holds in memory. Without a lock two workers then run one process, and
    both store its outputs. The lock is on one byte of a file, so that the kernel gives it back when a worker ends,
    however it ends. AiiDA takes the exception for what it means, and drops the second task; should the first worker
    end later, the process has no task, and the next ``apply`` revives it.
    """

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Take up a process where its last worker left it.

        Raises
        ------
        kiwipy.DuplicateSubscriberIdentifier
            If another worker runs it.
        """
        super().load_instance_state(saved_state, load_context)
        try:
            fcntl.lockf(_file(*_place()), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self.node.pk)
        except BlockingIOError:
            raise DuplicateSubscriberIdentifier(f"another worker runs process {self.node.pk}") from None

    async def step_until_terminated(self) -> None:
        """Run to the end, and let go of the process; also where the worker fails and not the process."""
        try:
            await super().step_until_terminated()
        finally:
            fcntl.lockf(_file(*_place()), fcntl.LOCK_UN, 1, self.node.pk)


def _place() -> tuple[Path, int]:
    profile = get_manager().get_profile()
    return Path(get_config().dirpath) / "access" / f"superionic-{profile.name}.running", os.getpid()


@cache
def _file(path: Path, pid: int) -> int:
    """Return the file of the locks, opened once in a process: the first to be closed would let go of all locks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
