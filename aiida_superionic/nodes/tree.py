"""A trace for people: a tree of steps, each with its nodes and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from aiida import orm
from rich.text import Text
from rich.tree import Tree

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.nodes.facts import (
    CODE,
    DIGEST,
    FRAMES,
    LABELLER,
    UNITS,
    Facts,
    kind_of,
    name_of,
)
from aiida_superionic.nodes.steps import Step
from aiida_superionic.report.formatting import measurement, plain, unit_label

_DIGITS = 12
"""Of a SHA-256, by which people tell two apart."""
_LONGEST = 160
_FEW = 3
_SUMMED, _SPLIT = (FRAMES,), "split"
_LEADING = (CODE, "version")
_QUIET = ("computer", "folder", "format", "mobile", "fields", "labels", LABELLER)
"""Facts that a tree leaves to ``show``."""
_FROM = "←"
_VECTORS = ("supercell", "cell", "cells", "lattice_constants")
"""Lists that are three lengths, or numbers, beside each other."""
_OF_AN_END = ("level of theory", "temperatures", "sources", "source")
"""Facts that what is behind tells, where there is something."""


def tree_of(path: Step, quantity: str = "", scalar: Scalar | None = None) -> Tree:
    """Return the steps from a node, or from one number that it holds, as a tree of rich; an arrow means: comes from."""
    if scalar is None:
        root = Tree(_line(path))
    else:
        begin = Text(f"{quantity} = {measurement(scalar)} {unit_label(scalar.unit)}".rstrip(), "bold")
        root = Tree(begin.append(f"  {pks_text(path.nodes)}", "cyan"))
    _grow(root, path)
    return root


def fact_text(name: str, value: Any, *, whole: bool = False) -> str:
    """Return the value of a fact with its unit, for people; of hashes and long texts a part, unless ``whole``."""
    if name == DIGEST and not whole:
        digests = list(value.values()) if isinstance(value, dict) else [value]
        more = f" and of {len(digests) - 1} more files" if len(digests) > 1 else ""
        return f"{digests[0][:_DIGITS]}…{more}"
    if isinstance(value, dict):
        # Parameters by the name of what has them say that it is there, even where it has none.
        each = all(isinstance(one, dict) for one in value.values())
        said = {key: one for key, one in value.items() if each or (one is not None and one not in ("", [], {}))}
        text = ", ".join(f"{key.replace('_', ' ')} {_nested(key, one)}".rstrip() for key, one in said.items())
    else:
        listed = isinstance(value, list) and name not in _VECTORS
        text = ", ".join(map(plain, value)) if listed else plain(value)
        text += f" {UNITS[name]}" if name in UNITS else ""
    return text if whole or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _nested(name: str, value: Any) -> str:
    text = fact_text(name, value, whole=True)
    return f"({text})" if isinstance(value, dict) and text else text


def pks_text(nodes: Sequence[orm.Node]) -> str:
    """Return the pks of nodes: each of a few, the first and the last of many."""
    pks = sorted(node.pk for node in nodes)
    return f"pk {', '.join(map(str, pks))}" if len(pks) <= _FEW else f"pk {pks[0]} … {pks[-1]}"


def _grow(branch: Tree, step: Step) -> None:
    for source in step.sources:
        lines, last = [_line(source)], source
        # A step that comes from one other alone needs no branch.
        while len(last.sources) == 1 and not last.also:
            last = last.sources[0]
            lines.append(_line(last))
        if not last.sources and last.also:
            lines.append(_elsewhere(last))
        below = branch.add(Text(f"\n{_FROM} ").join(lines))
        if last.sources:
            _grow(below, last)
    if step.sources and step.also:
        branch.add(_elsewhere(step))


def _elsewhere(step: Step) -> Text:
    return Text(f"{_named(step.also)}, told elsewhere here", "dim")


def _line(step: Step) -> Text:
    facts, shown = step.facts, list(_told(step))
    text = Text()
    if all(LABELLER in one for one in facts):
        frames = sum(one[FRAMES] for one in facts)
        jobs = "a job" if len(facts) == 1 else f"{len(facts)} jobs"
        text.append(f"{_counted(frames, 'frame')} labelled by {jobs} of {_merged(LABELLER, facts)}", "bold")
        shown.remove(FRAMES)
    else:
        name = name_of(step.nodes[0]) if len(step.nodes) == 1 else ""
        text.append(f"{len(facts)} × {step.words}" if len(facts) > 1 else f"{step.words} {name}".rstrip(), "bold")
    text.append(f"  {pks_text(step.nodes)}", "cyan")
    said = [_part(name, facts) for name in shown]
    said += [f"through {_named(step.between)}"] if step.between else []
    if said:
        text.append(f"  {' · '.join(said)}", "dim")
    return text


def _told(step: Step) -> Iterator[str]:
    """Yield the names of the facts of a step that a person wants to read."""
    names = list(dict.fromkeys(name for one in step.facts for name in one))
    yield from (name for name in _LEADING if name in names)
    told = kind_of(step.nodes[0]).told
    is_job = isinstance(step.nodes[0], orm.CalcJobNode)
    always = ("observables", "taken from the cache", FRAMES) if is_job else ()
    quiet = (*_LEADING, *_QUIET, *(_OF_AN_END if step.sources or step.also else ()))
    yield from (name for name in names if name not in quiet and (told is None or name in told or name in always))


def _part(name: str, facts: Sequence[Facts]) -> str:
    value = _merged(name, facts)
    if name in (CODE, _SPLIT, "of"):
        return value
    return f"{value} {name}" if name in (*_SUMMED, "atoms") else f"{name.replace('_', ' ')} {value}"


def _merged(name: str, facts: Sequence[Facts]) -> str:
    """Return in words what several nodes have of one fact."""
    values = [one[name] for one in facts if name in one]
    if name == _SPLIT:
        values = [{subset: sum(one.get(subset, 0) for one in values) for subset in dict.fromkeys(chain(*values))}]
    texts = list(dict.fromkeys(fact_text(name, value) for value in values))
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values) and name in _SUMMED:
        return plain(sum(numbers))
    plainly = name != DIGEST and all(isinstance(value, int | float | str) for value in values)
    if len(texts) <= 1 or (len(texts) <= _FEW and plainly):
        return " or ".join(texts)
    if len(numbers) == len(values):
        return f"{plain(min(numbers))} … {fact_text(name, max(numbers))}"
    return f"{len(texts)} different"


def _named(nodes: Sequence[orm.Node]) -> str:
    words = dict.fromkeys(kind_of(node).words for node in nodes)
    groups = [[node for node in nodes if kind_of(node).words == word] for word in words]
    return ", ".join(
        f"{word} {pks_text(group)}" if len(group) == 1 else f"{len(group)} × {word} ({pks_text(group)})"
        for word, group in zip(words, groups, strict=True)
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
