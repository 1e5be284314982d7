"""Whether dynamics explode: one criterion, for the parsers that read what a job has written and for AiiDA's monitor.

The monitor reads the end of the thermodynamic output of a running job and kills a job that explodes. The parser then
says so, by the exit code of a run that exploded and ended by itself.
"""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from aiida import orm
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorResult

from aiida_superionic.calculations.settings import MdSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiida.transports import Transport

ENTRY_POINT = "superionic.explosion"
_HOTTER = 10.0
"""Times the temperature asked for. Of a cell of two atoms in equilibrium, one instant in 10^6 is that hot."""
_TAIL_BYTES = 4096


def explosion(rows: Iterable[tuple[float, float]], temperature: float) -> str | None:
    """Return in words where dynamics explode, None where they do not.

    Parameters
    ----------
    rows
        Step and temperature in K.
    temperature
        That was asked for, in K.
    """
    for step, now in rows:
        if now > _HOTTER * temperature:
            return f"the temperature is {now:.0f} K at step {step:.0f}"
    return None


def watch(node: orm.CalcJobNode, transport: Transport) -> CalcJobMonitorResult | None:
    """Return that a running job is to be killed if its dynamics explode or hold what is no number: AiiDA's monitor."""
    process = node.process_class
    _, tail, _ = transport.exec_command_wait(
        f"tail -c {_TAIL_BYTES} {shlex.quote(process.thermo_file(node))}", workdir=node.get_remote_workdir()
    )
    rows = [row for line in tail.splitlines(keepends=True) if (row := _row(line, process.THERMO_WORDS))]
    message = explosion(
        ((row[0], row[process.TEMPERATURE_WORD]) for row in rows),
        MdSettings.model_validate(node.inputs.parameters.get_dict()).temperature,
    )
    if message is None and not all(math.isfinite(value) for row in rows for value in row):
        message = "the energy is not a number"
    # The exit code is the parser's, which knows the whole output.
    return CalcJobMonitorResult(message=message, override_exit_code=False) if message else None


def _row(line: str, words: int) -> list[float] | None:
    """Return the numbers of a whole line of thermodynamic output, None of any other line."""
    found = line.split()
    if len(found) < words or not found[0].isdigit() or not line.endswith("\n"):
        return None
    try:
        return [float(word) for word in found]
    except ValueError:
        return None
