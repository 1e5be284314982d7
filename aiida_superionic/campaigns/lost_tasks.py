"""Which processes have lost the task by which a worker continues them.

ZeroMQ's broker keeps its tasks as files, which are read as they lie. RabbitMQ tells nobody which tasks a worker has
taken, so there it is found in two steps:

1. While the workers run: a worker that continues a process listens to messages for it, and the broker says at once when
   nobody does. Tasks that wait in the queue are listed by taking them all and giving them back, which delays them by
   a moment, and no more if this is killed meanwhile. What is neither continued nor queued is suspect, no more: a task
   may have been handed to a worker that is busy, and a worker that lost its connection may go on without a listener.
   To give such a process a second task would run it twice.
2. Only if suspects remain: the workers are stopped for a moment. Then every task is in the queue, the list is complete,
   and nothing runs that it does not name. That is what AiiDA's ``verdi process repair`` asks people to do by hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import kiwipy
from aiida.brokers.rabbitmq.broker import RabbitmqBroker
from aiida.brokers.zeromq.broker import ZeromqBroker
from aiida.engine.daemon.client import get_daemon_client
from aiida.engine.processes.control import get_process_tasks
from aiida.manage import get_manager

from aiida_superionic.campaigns.awaited import awaited
from aiida_superionic.campaigns.task_queue import await_no_listener

_LOOKS = 5
_BETWEEN_LOOKS = 0.1  # s
_SUSPECT_AFTER = 30.0  # s in which no further process was found to be continued; workers may be that busy
_STOP_PATIENCE = 120.0  # s; a worker ends what it has open on a cluster


def lost_tasks(attempts: Collection[int]) -> set[int]:
    """Return those of attempts, and of the processes that they wait for, that no worker will ever continue.

    Processes are read before tasks, so that none is taken for lost because it began in between.
    """
    broker = get_manager().get_broker()
    if isinstance(broker, ZeromqBroker):
        return _lost_by_files(broker, _awaited(attempts))
    if isinstance(broker, RabbitmqBroker) and _suspects(broker, _awaited(attempts)):
        with _stopped_workers(broker):
            return _awaited(attempts) - set(get_process_tasks(broker))
    return set()


def _awaited(attempts: Collection[int]) -> set[int]:
    chains = (chain for found in awaited(attempts).values() for chain in found)
    return set(attempts) | {process.pk for chain in chains for process in chain}


def _lost_by_files(broker: ZeromqBroker, lost: set[int]) -> set[int]:
    for _ in range(_LOOKS):
        lost = lost - _tasks(broker)
        if not lost:
            break
        # A task changes folders when a worker takes it or dies, so what one look misses need not be lost.
        time.sleep(_BETWEEN_LOOKS)
    return lost


def _tasks(broker: ZeromqBroker) -> set[int]:
    """Return the processes that have a task; AiiDA's own listing moves the files."""
    found = set()
    for path in Path(broker._storage_path / "tasks").glob("*/*.json"):
        try:
            found.add(json.loads(path.read_text())["body"]["args"]["pid"])
        except (FileNotFoundError, ValueError, KeyError):
            continue  # moved or acknowledged while we looked
    return found


def _suspects(broker: RabbitmqBroker, processes: set[int]) -> set[int]:
    """Return the processes that for a while are neither continued by a worker nor queued."""
    last_found = time.monotonic()
    suspects = processes
    while suspects and time.monotonic() - last_found < _SUSPECT_AFTER:
        left = {pk for pk in suspects if not _is_continued(pk)}
        left -= set(get_process_tasks(broker)) if left else set()
        if len(left) < len(suspects):
            last_found = time.monotonic()
            suspects = left
        else:
            time.sleep(_BETWEEN_LOOKS)
    return suspects


def _is_continued(pk: int) -> bool:
    """Return whether a worker listens to messages for a process; it is asked for its status, and not waited for."""
    try:
        get_manager().get_process_controller().get_status(pk)
    except kiwipy.UnroutableError:
        return False
    return True


@contextmanager
def _stopped_workers(broker: RabbitmqBroker) -> Iterator[None]:
    """Stop the workers of the daemon and start as many when done.

    Raises
    ------
    TimeoutError
        If a worker does not stop, or one of another machine's daemon listens on.
    """
    client = get_daemon_client()
    workers = client.get_number_of_workers()
    try:
        if workers:
            client.decrease_workers(workers, wait=True, timeout=int(_STOP_PATIENCE))
        await_no_listener(broker)
        yield
    finally:
        with suppress(Exception):
            # What is wrong with the daemon is told by who next asks it for something.
            client.increase_workers(max(workers, 1), wait=True)
