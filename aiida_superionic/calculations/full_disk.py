"""Whether a disk was full: shell lines around an engine that does not say so.

Programs in Fortran may lose what they write to a full disk and end as if all were well, and nothing else can be
written there either. So a reserve is put aside before the engine starts, and given back to tell.
"""

from __future__ import annotations

from aiida.common.datastructures import CalcInfo

FILE = "disk_full.txt"
_RESERVE = ".reserve"
PREPEND = f"head -c 65536 /dev/zero > {_RESERVE} || touch {FILE}"
APPEND = (
    f"head -c 4096 /dev/zero 2> /dev/null > {_RESERVE}.probe || {{ rm -f {_RESERVE}; touch {FILE}; }}; "
    f"rm -f {_RESERVE} {_RESERVE}.probe"
)


def watched(info: CalcInfo) -> CalcInfo:
    """Return a run with these lines next to its engine."""
    info.prepend_text = f"{info.prepend_text}\n{PREPEND}"
    info.append_text = f"{APPEND}\n{info.append_text}"
    return info
