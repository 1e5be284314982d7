"""Measure what ``campaign apply`` costs over plain AiiDA: submissions per minute, and milliseconds per point.

Runs ``python benchmarks/throughput.py [POINTS]`` in the loaded profile, whose daemon runs. Rounds of ``apply`` and of
plain ``aiida.engine.submit`` take turns, so that what else the machine does falls on both alike. Both submit the same
workchain with like inputs; the plain rounds take the structures and the potential that are there, and settings that
are written out. ``throughput.sh`` runs it in a profile of its own, whose worker takes one process and waits for the
next: what workers do would be measured too.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiida import load_profile, orm
from aiida.engine import submit
from verdicts import Verdicts

from aiida_superionic.campaigns.apply import apply
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.workchains.transport import TransportWorkChain

ROUNDS = 6
REPLICAS = 5
WANTED = 0.9
FILE = """\
campaign: throughput-{round}
structure: {{material: alpha-AgI, supercell: [2, 2, 2]}}
potentials: [vashishta-rahman]
temperatures: {temperatures}
constraints: [UC]
replicas: {replicas}
md: {{equilibration: 1 ps, production: {production:.3f} ps}}
observables: [temperature]
"""


def by_campaign(number: int, points: int, production: float, folder: Path) -> float:
    """Return the seconds that ``apply`` takes for a round of new points."""
    temperatures = [500 + index for index in range(points // REPLICAS)]
    path = folder / "campaign.yaml"
    path.write_text(
        FILE.format(round=number, temperatures=temperatures, replicas=REPLICAS, production=production),
    )
    began = time.perf_counter()
    if (submitted := apply(load_campaign(path)).submitted) != points:
        sys.exit(f"{submitted} of {points} points were new; run it in a profile that has none of them")
    return time.perf_counter() - began


def fresh(value: Any) -> Any:
    """Return inputs whose settings are new nodes, as a script makes them."""
    if isinstance(value, orm.Dict):
        return orm.Dict(value.get_dict())
    if isinstance(value, orm.Int | orm.Str | orm.Bool):
        return type(value)(value.value)
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return value


def by_hand(attempts: list[orm.WorkChainNode]) -> float:
    """Return the seconds that plain submissions of the same jobs take."""
    templates = [dict(attempt.get_builder_restart()._inputs(prune=True)) for attempt in attempts]
    for template in templates:
        template.pop("point")
    began = time.perf_counter()
    for template in templates:
        submit(TransportWorkChain, **fresh(template))
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    load_profile()
    per_round = max(points // ROUNDS // REPLICAS, 1) * REPLICAS
    ours, plain = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS + 1):
            last = orm.QueryBuilder().append(orm.Node, project="id", tag="node").order_by({"node": {"id": "desc"}})
            before = last.first(flat=True) or 0
            taken = by_campaign(number, per_round, 1.0 + 0.01 * number, Path(folder))
            submitted = orm.QueryBuilder().append(TransportWorkChain, filters={"id": {">": before}})
            new = submitted.all(flat=True)
            by_plain = by_hand(new)
            if number:  # the first round makes the structures and loads what is loaded once
                ours.append(taken / per_round)
                plain.append(by_plain / per_round)
            print(
                f"round {number}: apply {per_round / taken * 60:.0f} points per minute, plain AiiDA"
                f" {per_round / by_plain * 60:.0f}",
                flush=True,
            )
    storage = type(orm.User.collection.backend).__name__
    ratio = statistics.median(there / here for here, there in zip(ours, plain, strict=True))
    overhead = 1000.0 * statistics.median(here - there for here, there in zip(ours, plain, strict=True))
    verdicts = Verdicts()
    print(
        f"\n{storage}, {ROUNDS} rounds of {per_round} points: apply {60 / statistics.median(ours):.0f} points per"
        f" minute, plain AiiDA {60 / statistics.median(plain):.0f}: {ratio:.2f} of it"
        f" {verdicts.at_least(ratio, WANTED)};"
        f" {overhead:.0f} ms more per point of {1000 * statistics.median(plain):.0f} ms"
    )
    print(verdicts.summary())


if __name__ == "__main__":
    main()
