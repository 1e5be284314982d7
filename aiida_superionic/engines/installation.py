"""Finding engines on this machine, and installing one into an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from aiida_superionic.engines.catalogue import Engine, EngineError, own_scripts

_PREFIX_VARIABLE = "SUPERIONIC_ENGINES"


@dataclass(frozen=True)
class Installation:
    """One executable of an engine on this machine."""

    engine: Engine
    executable: Path
    version: str
    origin: str

    @property
    def data_folder(self) -> Path | None:
        """Folder of the data that belong to the executable; None where there is none."""
        return self.engine.data_folder(self.executable)


def default_prefix() -> Path:
    """Return the folder that holds the environments we install: of the user, not of a profile."""
    given = os.environ.get(_PREFIX_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    data_home = os.environ.get("XDG_DATA_HOME")
    return (Path(data_home) if data_home else Path.home() / ".local" / "share") / "aiida-superionic" / "engines"


def find(engine: Engine, prefix: Path) -> list[Installation]:
    """Return the executables of an engine that start: our own first, then this environment's, then those on PATH."""
    places = [
        (prefix / engine.environment / "bin", "installed by aiida-superionic"),
        (own_scripts(), "this environment"),
    ]
    places += [(Path(folder), "PATH") for folder in os.get_exec_path() if Path(folder).is_absolute()]
    found: dict[Path, Installation] = {}
    for folder, origin in places:
        for name in engine.executables:
            path = folder / name
            if path not in found and shutil.which(str(path)):
                try:
                    found[path] = Installation(engine, path, engine.version_of(path), origin)
                except EngineError:
                    continue
    return list(found.values())


def install(engine: Engine, prefix: Path) -> Installation:
    """Make an environment for an engine and install it there; an environment that is there is brought up to date.

    Raises
    ------
    EngineError
        If pip does not have the engine, the environment cannot be made, pip fails, or the executable does not start.
    """
    if not engine.installs:
        raise EngineError(f"pip has no {engine.name}; as root: {engine.how_to_install}")
    home = prefix / engine.environment
    try:
        venv.create(home, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineError(f"no environment could be made in {home}: {error}") from error
    for arguments in engine.installs:
        # A build inside the environment must not see the environment that runs us.
        variables = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
        result = subprocess.run(  # noqa: S603 - the pip of the environment just made
            [
                str(home / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *arguments,
            ],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if result.returncode:
            errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["pip said nothing"]
            raise EngineError(f"pip could not install {' '.join(arguments)} in {home}: {errors[0]}")
    return installed(engine, prefix)


def installed(engine: Engine, prefix: Path) -> Installation:
    """Return the executable of an engine whose environment we made.

    Raises
    ------
    EngineError
        If it does not start.
    """
    executable = prefix / engine.environment / "bin" / engine.executables[0]
    return Installation(engine, executable, engine.version_of(executable), "installed by aiida-superionic")
