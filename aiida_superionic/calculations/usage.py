"""What a job cost: shell lines around the engine that record its time, and their reading."""

from __future__ import annotations

import re

FILE = "usage.txt"
PREPEND = f"date +%s.%N > {FILE}"
APPEND = f"{{ date +%s.%N; times; }} >> {FILE}"

_TIMES = re.compile(r"(\d+)m([\d.]+)s (\d+)m([\d.]+)s")


def parse_usage(text: str) -> dict[str, float] | None:
    """Return the CPU seconds of a job and when it started and ended (seconds since 1970).

    Returns None where the job did not live to write its last line.
    """
    stamps = re.findall(r"^\d+\.\d+$", text, flags=re.MULTILINE)
    times = _TIMES.findall(text)
    if len(stamps) != 2 or len(times) != 2:
        return None
    cpu = sum(60.0 * int(m1) + float(s1) + 60.0 * int(m2) + float(s2) for m1, s1, m2, s2 in times)
    return {"cpu_seconds": round(cpu, 3), "started": float(stamps[0]), "ended": float(stamps[1])}
