from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def job_fixtures():
    return Path(__file__).parents[1] / "fixtures" / "lammps_job"
