"""A laboratory of production: PostgreSQL, RabbitMQ and SLURM, which the tests start and break."""

import os

import pytest
from laboratory import Laboratory
from services import Services, missing

PASSWORD = "of-the-tests"  # noqa: S105 - of servers that live as long as the tests


def pytest_collection_modifyitems(items):
    for item in items:
        if "services" in getattr(item, "fixturenames", ()):
            item.add_marker("soak")


@pytest.fixture(scope="session")
def services():
    """Return the running services; where they cannot be had a test is skipped, but fails where CI is set."""
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with Services() as services:
        yield services


@pytest.fixture(scope="session")
def production(tmp_path_factory, services, lammps_installation):
    """Return a laboratory with a profile of production; campaigns run their jobs by SLURM."""
    name = f"superionic_{os.getpid()}"
    services.postgres.create(name, PASSWORD)
    laboratory = Laboratory(tmp_path_factory.mktemp("production"), "superionic-slurm")
    laboratory.environment |= {"SUPERIONIC_DATABASE_PASSWORD": PASSWORD, "SUPERIONIC_BROKER_PASSWORD": "guest"}
    setup = ("aiida-superionic", "setup", "--production", "--name", name, "--database-port", services.postgres.port)
    try:
        laboratory.run(*setup, "--slurm")
        laboratory.python('orm.load_computer("superionic-slurm").set_minimum_job_poll_interval(1.0)')
        # A person waits longer for a file server, and these tests shorter.
        laboratory.run("verdi", "config", "set", "transport.task_retry_initial_interval", "2")
        laboratory.run("verdi", "daemon", "start", "2")
        yield laboratory
        laboratory.run("verdi", "daemon", "stop")
    finally:
        laboratory.kill()
        services.postgres.drop(name)
