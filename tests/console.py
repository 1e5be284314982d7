"""Python as a shell runs it, with the package that is tested."""

import os
import subprocess
import sys
from pathlib import Path

import aiida_superionic


def python(*arguments, folder):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(aiida_superionic.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
