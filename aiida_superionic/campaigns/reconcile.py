"""What a crash left behind: processes that wait for a worker that never hears of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiida import orm
from aiida.brokers import Broker
from aiida.brokers.rabbitmq.broker import RabbitmqBroker
from aiida.brokers.zeromq.broker import ZeromqBroker
from aiida.engine.daemon.client import get_daemon_client
from aiida.manage import get_manager
from plumpy import ProcessState

from aiida_superionic.campaigns.lost_tasks import lost_tasks
from aiida_superionic.campaigns.task_queue import comes_to_be_listened_to

_BROKER_PATIENCE = 30.0  # s; a broker that is being started reads its queue first
_WORKER_PATIENCE = 20.0  # s; a worker starts in a few, and the broker says so every five
_BETWEEN_LOOKS = 0.1  # s


def daemon_lives() -> bool:
    """Return whether the daemon runs; AiiDA itself believes the PID file that a killed daemon leaves behind."""
    client = get_daemon_client()
    return client.is_daemon_running and not client._is_pid_file_stale


def await_broker() -> None:
    """Wait for the broker: the daemon starts it, and a client that comes too early talks to a dead one's socket.

    Raises
    ------
    TimeoutError
        If it does not come.
    """
    broker = get_manager().get_broker()
    deadline = time.monotonic() + _BROKER_PATIENCE
    while not broker.check_service_reachable():
        if time.monotonic() > deadline:
            raise TimeoutError("its message broker does not run")
        time.sleep(_BETWEEN_LOOKS)


def await_delivery() -> None:
    """Wait until the broker has read what this process sent.

    AiiDA does not wait for that, and what is not sent when a process ends is lost. ZeroMQ's broker reads the messages
    of one client in their order, and says so at once when a call goes to nobody.

    Raises
    ------
    TimeoutError
        If the broker does not answer.
    """
    broker = get_manager().get_broker()
    # RabbitMQ confirms that it has written down a task before submit returns.
    if isinstance(broker, ZeromqBroker):
        error = broker.get_communicator().rpc_send("aiida-superionic", None).exception()
        if isinstance(error, TimeoutError):
            raise error


def await_workers() -> bool:
    """Wait until a worker listens to the broker; restart the workers where none does, and return whether it was so.

    A killed broker leaves the address of its socket behind. A worker that starts before the next broker has written
    its own, or that outlives a broker, waits at a socket that nobody reads, for ever. Until it is restarted it works
    on, and what it sends is lost. To RabbitMQ a worker connects anew; but an ``apply`` that was killed while it looked
    for lost tasks may have left the daemon without workers.

    Raises
    ------
    TimeoutError
        If none listens after a restart either.
    """
    broker = get_manager().get_broker()
    if _comes_to_be_heard(broker):
        return False
    client = get_daemon_client()
    if client.get_number_of_workers() == 0:
        client.increase_workers(1, wait=True)
    else:
        client.restart_daemon(wait=True)
    if not _comes_to_be_heard(broker):
        raise TimeoutError("its workers do not listen to its message broker")
    return True


def _comes_to_be_heard(broker: Broker) -> bool:
    if isinstance(broker, RabbitmqBroker):
        return comes_to_be_listened_to(broker)
    deadline = time.monotonic() + _WORKER_PATIENCE
    while time.monotonic() < deadline:
        status = broker.probe_service_status()
        # The status of a killed broker lies there until the next one writes its own.
        if status.get("pid") == broker._get_service_pid() and status.get("task_subscribers"):
            return True
        time.sleep(_BETWEEN_LOOKS)
    return False


def revive(running: Sequence[int]) -> int:
    """Give a task to processes of attempts that run and have none, and return how many.

    A submitter killed between storing an attempt and sending its task leaves one, and so does a broker killed before
    it wrote down what a worker sent, or that gave a task to a worker which believed that it had it already. A process
    that nobody can continue is ended, so that what waits for it goes on.
    """
    lost = lost_tasks(running) if running else set()
    nodes = [node for pk in sorted(lost) if not (node := orm.load_node(pk)).is_terminated]
    alive = [node for node in nodes if node.checkpoint is not None]
    controller = get_manager().get_process_controller()
    for node in alive:
        # As submit does it. AiiDA's revival without waiting lets the worker give the task back when it begins, and the
        # next look would take the process for lost.
        controller.continue_process(node.pk, nowait=False, no_reply=True)
    for node in nodes:
        if node.checkpoint is None:
            _end(node)
    if alive:
        await_delivery()
    return len(alive)


def _end(node: orm.ProcessNode) -> None:
    """Write down that a process has ended which has no checkpoint and yet is said to be active.

    A broker that is killed gives the tasks of its workers out again, and then two workers run one process. Where the
    first ends it, and the second writes that it runs before the first has sealed it, it runs for ever: nobody can
    continue it, and what called it waits.
    """
    attributes = {node.PROCESS_STATE_KEY: ProcessState.FINISHED.value}
    if node.exit_status is None:
        attributes = {
            node.PROCESS_STATE_KEY: ProcessState.EXCEPTED.value,
            node.EXCEPTION_KEY: node.base.attributes.get(node.EXCEPTION_KEY, "two workers ran it at once"),
        }
    # AiiDA lets no attribute of a sealed node be set, not even a wrong one.
    node.backend_entity.set_attribute_many(attributes)
    if not node.is_sealed:
        node.seal()
