"""Why a process ended as it did, in words for the message of what called it."""

from __future__ import annotations

from aiida import orm


def reason_of(node: orm.ProcessNode) -> str:
    """Return its exit message; of a process that raised an exception its last line; else the state that it is in."""
    if node.is_excepted:
        return str(node.exception).rstrip().rpartition("\n")[2] or "excepted"
    return node.exit_message or str(node.process_state.value)
