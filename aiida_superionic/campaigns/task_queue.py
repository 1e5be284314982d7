"""The queue in RabbitMQ from which the workers of a profile take their tasks."""

from __future__ import annotations

import asyncio
import time

import aio_pika
from aiida.brokers.rabbitmq.broker import RabbitmqBroker
from aiida.brokers.rabbitmq.utils import get_launch_queue_name

_PATIENCE = 30.0  # s; the broker hears at once of a worker that ends, and of one that begins in a few seconds
_BETWEEN_LOOKS = 0.2  # s


def comes_to_be_listened_to(broker: RabbitmqBroker) -> bool:
    """Return whether a worker takes tasks from the queue, or does within a while."""
    return asyncio.run(_await(broker, listened=True))


def await_no_listener(broker: RabbitmqBroker) -> None:
    """Wait until no worker takes tasks from the queue any more.

    Raises
    ------
    TimeoutError
        If one still does after a while.
    """
    if not asyncio.run(_await(broker, listened=False)):
        raise TimeoutError("a worker of another daemon takes its tasks too; stop that daemon")


async def _await(broker: RabbitmqBroker, *, listened: bool) -> bool:
    deadline = time.monotonic() + _PATIENCE
    async with await aio_pika.connect(broker.get_url(), timeout=_PATIENCE) as connection:
        channel = await connection.channel()
        while True:
            # A passive declaration asks, and makes nothing.
            queue = await channel.declare_queue(get_launch_queue_name(broker._prefix), passive=True)
            if bool(queue.declaration_result.consumer_count) == listened:
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_BETWEEN_LOOKS)
