"""Where a campaign runs: what its jobs take of a computer. It decides nothing about a result."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema

from aiida_superionic.campaigns.quantities import parse_memory, parse_wall_time
from aiida_superionic.campaigns.sections import Section
from aiida_superionic.campaigns.values import Name, fault
from aiida_superionic.campaigns.wording import quote

ENGINE, ANALYSIS = "engine", "analysis"
"""The kinds of jobs: what computes forces and moves ions, and what looks at it."""

_LONGEST_WALL_TIME = 366 * 86_400  # s
_MOST_MEMORY = 2**40  # kB


def _seconds(text: object) -> int:
    try:
        seconds = parse_wall_time(text)
    except ValueError as error:
        raise fault(f"the time {quote(text)} {error}") from None
    if not 1.0 <= seconds <= _LONGEST_WALL_TIME:
        raise fault(f"the time {quote(text)} is out of range; write one from 1 s to a year, for example 12 h")
    return round(seconds)


def _kilobytes(text: object) -> int:
    try:
        kilobytes = parse_memory(text)
    except ValueError as error:
        raise fault(f"the memory {quote(text)} {error}") from None
    if not 1.0 <= kilobytes <= _MOST_MEMORY:
        raise fault(f"the memory {quote(text)} is out of range; write one from 1 kB to 1 PB, for example 16 GB")
    return round(kilobytes)


_QUANTITY = WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9.]+([eE][-+]?[0-9]+)?\s*[A-Za-z]+\s*$"})
_Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


class JobResources(Section):
    """What one kind of job takes of a computer, in the words of AiiDA."""

    num_machines: _Count | None = Field(
        default=None, description="a whole number above 0, the nodes of one job", examples=[1]
    )
    num_mpiprocs_per_machine: _Count | None = Field(
        default=None, description="a whole number above 0, the processes on each node", examples=[16]
    )
    num_cores_per_mpiproc: _Count | None = Field(
        default=None, description="a whole number above 0, the cores of each process", examples=[1]
    )
    max_wallclock: Annotated[int | None, BeforeValidator(_seconds), _QUANTITY] = Field(
        default=None, description="the longest time of one job", examples=["12 h"]
    )
    max_memory: Annotated[int | None, BeforeValidator(_kilobytes), _QUANTITY] = Field(
        default=None, description="the memory of one job", examples=["16 GB"]
    )
    queue_name: Name | None = Field(default=None, description="the name of a queue", examples=["short"])
    account: Name | None = Field(default=None, description="the name of the account that pays", examples=["physics"])
    qos: Name | None = Field(default=None, description="the name of a quality of service", examples=["normal"])
    priority: Name | None = Field(default=None, description="the name of a priority", examples=["low"])
    withmpi: StrictBool | None = Field(
        default=None, description="true to start jobs with the computer's mpirun, or false", examples=[True]
    )

    @property
    def options(self) -> dict[str, Any]:
        """What is said, as ``metadata.options`` of a job."""
        said = self.model_dump(exclude_none=True, exclude={ENGINE, ANALYSIS})
        counts = {key: said.pop(key) for key in list(said) if key.startswith("num_")}
        renamed = {"max_wallclock": "max_wallclock_seconds", "max_memory": "max_memory_kb"}
        options = {renamed.get(key, key): value for key, value in said.items()}
        return {**options, "resources": counts} if counts else options


class Resources(JobResources):
    """What the jobs of a campaign take of a computer, and where one kind of them takes something else."""

    engine: JobResources | None = Field(
        default=None,
        description="what the jobs of engines take in place of that",
        examples=[{"num_mpiprocs_per_machine": 16}],
    )
    analysis: JobResources | None = Field(
        default=None,
        description="what the jobs that analyse take in place of that",
        examples=[{"num_mpiprocs_per_machine": 1}],
    )

    def options_of(self, kind: str) -> dict[str, Any]:
        """Return the ``metadata.options`` of one kind of jobs."""
        own: JobResources | None = getattr(self, kind)
        shared, given = self.options, own.options if own else {}
        counts = {**shared.get("resources", {}), **given.get("resources", {})}
        return {**shared, **given, **({"resources": counts} if counts else {})}
