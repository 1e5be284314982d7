"""Where the points of a campaign stand, for the terminal: each of a few, the conditions and the troubles of many."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.table import Table
    from rich.text import Text

    from aiida_superionic.campaigns.attempts import PointStatus, State
    from aiida_superionic.campaigns.estimate import Estimate

MANY = 100
"""Points from which on a table of all of them is no use to a person."""
_LONGEST = 30
_EXAMPLES = 2


def counted(statuses: Iterable[PointStatus]) -> str:
    """Return how many points stand where: ``3 finished, 1 running, 0 failed, 0 missing``."""
    counts = Counter(status.state for status in statuses)
    return ", ".join(f"{counts[state]} {state}" for state in _states(counts))


def _states(counts: Counter[State]) -> list[State]:
    """Return the states that are told: few campaigns have points that wait for something else."""
    from aiida_superionic.campaigns.attempts import State

    return [state for state in State if state is not State.WAITING or counts[state]]


def status_tables(statuses: Sequence[PointStatus], all_: bool = False) -> Iterator[Table | Text]:
    """Yield the table of all points or, of many and without ``all_``, what matters of them."""
    if all_ or len(statuses) <= MANY:
        yield point_table(statuses)
        return
    yield _condition_table(statuses)
    if failed := failure_text(statuses):
        yield failed
    running = [status for status in statuses if status.state == "running"]
    if running:
        table = point_table(running[:_LONGEST])
        table.caption = _more(len(running) - _LONGEST, "running points")
        yield table


def point_table(statuses: Sequence[PointStatus]) -> Table:
    """Return a table with a line for each point, and what it is doing."""
    from rich.table import Table
    from rich.text import Text

    from aiida_superionic.campaigns.progress import progress_of

    styles = {"finished": "green", "running": "cyan", "failed": "red", "waiting": "yellow", "missing": "dim"}
    table = Table("point", "state", "process", "now", box=None)
    for status, now in zip(statuses, progress_of(statuses), strict=True):
        state = str(status.state)
        table.add_row(
            Text(status.specification.label),
            Text(state, styles[state]),
            str(status.attempt.pk) if status.attempt else "-",
            Text(now),
        )
    return table


def failure_text(statuses: Iterable[PointStatus], examples: int | None = _EXAMPLES) -> Text:
    """Return the reasons for which points failed, each with some of its points or all; empty where none did."""
    from rich.text import Text

    from aiida_superionic.campaigns.failures import failures

    lines = []
    for failure in failures(statuses):
        shown = failure.points[:examples]
        lines.append(f"{len(failure.points)} failed: {failure.reason}")
        lines += [f"  {one.specification.label}, process {one.attempt.pk}" for one in shown if one.attempt]
        if len(failure.points) > len(shown):
            lines.append(f"  {_more(len(failure.points) - len(shown), 'points')}")
    return Text("\n".join(lines), style="red")


def lacking_in_words(statuses: Iterable[PointStatus]) -> str:
    """Return how many points have finished without all that was asked for, and what one lacks; empty where none has."""
    messages = [
        one.attempt.message for one in statuses if one.attempt and one.state == "finished" and one.attempt.message
    ]
    if not messages:
        return ""
    first = f"the first: {messages[0]}" if len(messages) > 1 else messages[0]
    return f"{len(messages)} finished without all that was asked for; {first}"


def estimate_in_words(found: Estimate) -> str:
    """Return what points will take: ``they would take about 12 core hours, ...``."""
    unknown = f"{found.unknown} points of which nothing alike has run: their cost is unknown" if found.unknown else ""
    if not found.points:
        return unknown
    hours = f"about {found.core_hours:.2g} core hours, {found.lowest:.2g} to {found.highest:.2g}"
    return f"{hours}, by {found.runs} past runs alike{f'; and {unknown}' if unknown else ''}"


def _condition_table(statuses: Sequence[PointStatus]) -> Table:
    """Return a table with a line for each condition some of whose points have not finished."""
    from rich.table import Table
    from rich.text import Text

    from aiida_superionic.campaigns.attempts import State

    conditions: dict[str, Counter[str]] = {}
    for status in statuses:
        specification = status.specification
        label = specification.label.removesuffix(f" · seed {specification.seed}")
        conditions.setdefault(label, Counter())[status.state] += 1
    open_ = {label: counts for label, counts in conditions.items() if set(counts) != {State.FINISHED}}
    table = Table("condition", box=None)
    for state in State:
        table.add_column(str(state), justify="right")
    for label, counts in list(open_.items())[:_LONGEST]:
        table.add_row(Text(label), *(str(counts[state] or "") for state in State))
    complete = len(conditions) - len(open_)
    table.add_row(f"{complete} conditions have finished")
    if len(open_) > _LONGEST:
        table.add_row(f"{_more(len(open_) - _LONGEST, 'conditions')} have not; --all shows every point")
    return table


def _more(number: int, noun: str) -> str:
    return f"and {number} more {noun}" if number > 0 else ""
