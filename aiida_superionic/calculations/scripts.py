"""What jobs that run our console scripts have in common."""

from __future__ import annotations

from aiida import orm
from aiida.engine import CalcJobProcessSpec


def define_version(spec: CalcJobProcessSpec, status: int) -> None:
    """Declare the version of the script as an input, and the exit code of another one."""
    # AiiDA's hash of a code is its path: without this, results of an older script would pass for a new one's.
    spec.input("version", valid_type=orm.Str, help="Version of the script that the code runs.")
    spec.exit_code(
        status,
        "ERROR_VERSION",
        message="The script is version {found} and the input says {given}; register the code again.",
        invalidates_cache=True,
    )


def define_unusable_trajectory(spec: CalcJobProcessSpec) -> None:
    """Declare the exit code of a script that could not read the trajectory where it lies."""
    spec.exit_code(
        302,
        "ERROR_TRAJECTORY_UNUSABLE",
        message="The trajectory is missing, changed or damaged: {error}",
        invalidates_cache=True,
    )
