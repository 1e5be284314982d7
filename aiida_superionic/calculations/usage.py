"""What a job cost: shell lines around the engine that record its time, and their reading."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.engine import CalcJobProcessSpec

from aiida_superionic.calculations.resumable import ResumableCalcJob

FILE = "usage.txt"
PREPEND = f"date +%s.%N > {FILE}"
APPEND = f"{{ date +%s.%N; times; }} >> {FILE}"

_TIMES = re.compile(r"(\d+)m([\d.]+)s (\d+)m([\d.]+)s")


class MeasuredCalcJob(ResumableCalcJob):
    """A job that says what it cost, on one process where it is given no more."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare what it cost, and the one process."""
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["resources"].default = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("usage", valid_type=orm.Dict, required=False, help="CPU seconds, start and end of the job.")

    def measured_run(self, arguments: Sequence[str], *, join_files: bool = True) -> CalcInfo:
        """Return a run of the code, measured, whose output comes home.

        Parameters
        ----------
        arguments
            Of the code.
        join_files
            Whether the standard error goes where the output does, and not to the scheduler.
        """
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = list(arguments)
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = join_files

        info = CalcInfo()
        info.codes_info = [code]
        info.retrieve_list = [code.stdout_name]
        return measured(info)


def measured(info: CalcInfo) -> CalcInfo:
    """Return a run between the lines that record its time, which comes home."""
    info.prepend_text, info.append_text = PREPEND, APPEND
    info.retrieve_list.append(FILE)
    return info


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
