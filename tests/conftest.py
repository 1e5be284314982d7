"""What the tests of the graph floor share: a profile that needs no service, the real LAMMPS, and α-AgI for it."""

import os
import subprocess
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.manage.manager import Manager
from aiida.plugins import CalculationFactory, ParserFactory
from click.testing import CliRunner

from aiida_superionic.calculations.settings import MdSettings
from aiida_superionic.cli import cmd_root
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.catalogue import engines
from aiida_superionic.engines.installation import default_prefix, find
from aiida_superionic.engines.registration import ensure_code, ensure_computer
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.potentials import potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

pytest_plugins = ["aiida.tools.pytest_fixtures"]

# How fast a machine is, is nothing that a test asserts.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items):
    for item in items:
        for fixture, marker in (
            ("lammps_installation", "lammps"),
            ("cp2k_installation", "cp2k"),
            ("learning_installation", "learning"),
            ("browser", "browser"),
        ):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(scope="session", autouse=True)
def polled_runner():
    """Let processes ask now and then whether others have ended: in a profile for tests AiiDA asks without a pause."""
    create = Manager.create_runner
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Manager, "create_runner", lambda self, **given: create(self, **{"poll_interval": 0.1, **given}))
        yield


@pytest.fixture(scope="session")
def lammps_installation():
    """Return the LAMMPS of this machine; without one a test is skipped, but fails where CI is set."""
    found = find(engines()["lammps"], default_prefix())
    if not found:
        reason = f"LAMMPS is neither in {default_prefix()} nor on PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found[0]


@pytest.fixture(scope="session")
def cp2k_installation():
    """Return the CP2K of this machine; without one a test is skipped, but fails where CI is set."""
    cp2k = engines()["cp2k"]
    found = find(cp2k, default_prefix())
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no CP2K on PATH: {cp2k.how_to_install}")
    return found[0]


@pytest.fixture(scope="session")
def learning_installation():
    """Return a finder of what ``engines install learning`` brings; without it a test is skipped, but fails in CI."""

    def find_one(name):
        engine = engines()[name]
        found = find(engine, default_prefix())
        if not found:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {name}: {engine.how_to_install}")
        return found[0]

    return find_one


@pytest.fixture(scope="session")
def cp2k_executable(cp2k_installation):
    return str(cp2k_installation.executable)


@pytest.fixture(scope="session")
def lammps_executable(lammps_installation):
    return lammps_installation.executable


@pytest.fixture(scope="session")
def run_lammps(lammps_executable):
    """Return a function that runs a script in a folder and returns what LAMMPS printed."""

    def run(script, files, folder, expect_success=True, ranks=None):
        mpirun = [str(Path(lammps_executable).parent / "mpirun"), "-np", str(ranks)] if ranks else []
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**files, "input.in": script}.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        result = subprocess.run(
            [*mpirun, lammps_executable, "-in", "input.in"],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert (result.returncode == 0) == expect_success, result.stdout[-2000:]
        return result.stdout

    return run


@pytest.fixture
def invoke(aiida_profile):
    """Return a function that runs ``aiida-superionic`` with arguments; an exception that escapes fails the test."""

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(cmd_root, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def agi():
    """Return a maker of α-AgI supercells."""

    def make(repeats=(2, 2, 2), seed=1):
        return make_supercell(materials()["alpha-AgI"], repeats, seed)

    return make


@pytest.fixture
def settings():
    """Return a maker of settings: a short canonical run at 750 K unless said otherwise."""

    def make(**changes):
        return MdSettings.model_validate(
            {
                "ensemble": "nvt",
                "temperature": 750.0,
                "duration": 0.2,
                "timestep": 0.0005,
                "thermo_interval": 0.01,
                "checkpoint_interval": 0.05,
                "mobile": ["Ag"],
                **changes,
            }
        )

    return make


@pytest.fixture
def potential_node(aiida_profile):
    return PotentialData(potentials()["vashishta-rahman"])


@pytest.fixture
def computer(aiida_profile):
    """Return this machine as our own computer, polled often, but not so that engines lack the core."""
    computer, _ = ensure_computer(slots=2)
    computer.set_minimum_job_poll_interval(0.2)
    return computer


@pytest.fixture
def lammps_code(computer, lammps_installation):
    return ensure_code(lammps_installation, computer)[0]


@pytest.fixture
def cp2k_code(computer, cp2k_installation):
    return ensure_code(cp2k_installation, computer)[0]


def own_installation(engine):
    """Return one of our console scripts, that of the environment that runs the tests if it can be."""
    script = engines()[engine]
    found = find(script, default_prefix())
    if not found:
        pytest.fail(f"{script.executables[0]} is not in the environment that runs the tests: install the package")
    return next((one for one in found if one.origin == "this environment"), found[0])


@pytest.fixture
def analysis_installation():
    return own_installation("analysis")


@pytest.fixture
def own_code(computer):
    """Return a function that gives the code of one of our console scripts."""
    return lambda engine: ensure_code(own_installation(engine), computer)[0]


@pytest.fixture
def analysis_code(own_code):
    return own_code("analysis")


@pytest.fixture
def conversion_code(own_code):
    return own_code("conversion")


@pytest.fixture
def assessment_code(own_code):
    return own_code("assessment")


@pytest.fixture
def lattice_code(own_code):
    return own_code("lattice")


@pytest.fixture
def lattice_request():
    """Return a maker of requests for the diffusion of two ions in a small crystal, at 580 K unless said otherwise."""

    def make(**changes):
        model = lattice_models()["simple-cubic"].request("yukawa-4eV").model_dump(mode="json", exclude_none=True)
        asked = {"species": "Li", "cells": [6, 6, 6], "temperature": 580.0, "ions": 2, "production": 150.0}
        return {key: value for key, value in {**model, **asked, **changes}.items() if value is not None}

    return make


@pytest.fixture
def md_inputs(agi, settings, potential_node):
    """Return a maker of the inputs of one MD job, but for its code."""

    def make(repeats=(2, 2, 2), seed=1, **changes):
        return {
            "structure": orm.StructureData(ase=agi(repeats, seed)),
            "potential": potential_node,
            "parameters": orm.Dict(settings(**changes).model_dump(mode="json")),
            "seed": orm.Int(seed),
        }

    return make


@pytest.fixture
def parse_job(computer):
    """Return a function that parses retrieved files as those of a job that never ran."""

    def run(name, retrieved, inputs, remote_path=None, **arguments):
        process = CalculationFactory(name)
        options = process.spec().inputs["metadata"]["options"]
        node = orm.CalcJobNode(computer=computer, process_type=process.build_process_type())
        for option in ("resources", "output_filename", "scheduler_stderr", "parser_name"):
            node.set_option(option, options[option].default)
        for label, data in inputs.items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC, label)
        node.store()
        outputs = {"retrieved": orm.FolderData(tree=retrieved)}
        if remote_path is not None:
            outputs["remote_folder"] = orm.RemoteData(str(remote_path), computer=computer)
        for label, data in outputs.items():
            data.base.links.add_incoming(node, LinkType.CREATE, label)
            data.store()
        return ParserFactory(options["parser_name"].default).parse_from_node(node, store_provenance=False, **arguments)

    return run


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)
