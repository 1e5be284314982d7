"""A laboratory that needs no service."""

import pytest
from laboratory import Laboratory


def pytest_collection_modifyitems(items):
    for item in items:
        if "laboratory" in getattr(item, "fixturenames", ()):
            item.add_marker("daemon")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory, lammps_installation):
    laboratory = Laboratory(tmp_path_factory.mktemp("laboratory"))
    try:
        laboratory.run("aiida-superionic", "setup", "--slots", "2")
        laboratory.run("verdi", "daemon", "start")
        yield laboratory
        laboratory.run("verdi", "daemon", "stop")
    finally:
        laboratory.kill()
