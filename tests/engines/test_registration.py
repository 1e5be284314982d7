"""This machine as a computer, its codes, and the cap on the jobs that run at once."""

import dataclasses
import subprocess
import time
from pathlib import Path

import pytest
from aiida import orm

from aiida_superionic.engines.catalogue import EngineError, engines
from aiida_superionic.engines.installation import Installation
from aiida_superionic.engines.registration import (
    COMPUTER,
    code_data_folder,
    code_version,
    ensure_code,
    ensure_computer,
    found_on,
)


@pytest.fixture
def installation():
    return Installation(engines()["lammps"], Path("/opt/one folder/bin/lmp"), "1 Jan 2025", "PATH")


@pytest.fixture
def codes_are_put_back(computer):
    """Let other tests make their own code of the engine."""
    yield
    for code in orm.QueryBuilder().append(orm.InstalledCode, filters={"label": "lammps"}).all(flat=True):
        code.label = f"lammps-{code.pk}"


def test_the_computer_is_made_once(aiida_profile):
    first, _ = ensure_computer(slots=2)
    second, created = ensure_computer()
    assert not created
    assert second.pk == first.pk
    assert second.is_configured
    assert orm.QueryBuilder().append(orm.Computer, filters={"label": COMPUTER}).count() == 1


def test_the_cap_is_kept_until_another_is_given(aiida_profile):
    ensure_computer(slots=3)
    assert "seq 1 3" in ensure_computer()[0].get_prepend_text()
    assert "seq 1 5" in ensure_computer(slots=5)[0].get_prepend_text()
    assert "seq 1 5" in orm.load_computer(COMPUTER).get_prepend_text()


@pytest.mark.usefixtures("codes_are_put_back")
def test_the_code_is_made_once(computer, installation):
    first, created = ensure_code(installation, computer)
    assert created or first.base.extras.get("version") == installation.version
    again, created = ensure_code(installation, computer)
    assert (again.pk, created) == (first.pk, False)
    assert code_version(again) == "1 Jan 2025"
    assert again.default_calc_job_plugin == "superionic.lammps"
    assert not again.with_mpi
    # A folder with a blank in it is one folder.
    assert again.prepend_text == "export PATH='/opt/one folder/bin':$PATH"


@pytest.mark.usefixtures("codes_are_put_back")
def test_an_upgraded_executable_is_the_same_code_of_a_new_version(computer, installation):
    first, _ = ensure_code(installation, computer)
    upgraded = dataclasses.replace(installation, version="2 Feb 2026")
    again, created = ensure_code(upgraded, computer)
    assert (again.pk, created) == (first.pk, False)
    assert code_version(orm.load_node(first.pk)) == "2 Feb 2026"


@pytest.mark.usefixtures("codes_are_put_back")
def test_another_executable_is_another_code(computer, installation):
    first, _ = ensure_code(installation, computer)
    moved = dataclasses.replace(installation, executable=Path("/usr/bin/lmp"))
    second, created = ensure_code(moved, computer)
    assert created
    assert second.pk != first.pk
    assert orm.load_code(f"lammps@{COMPUTER}").pk == second.pk
    old = orm.load_node(first.pk)
    assert (old.is_hidden, old.label) == (True, f"lammps-{first.pk}")
    assert str(old.filepath_executable) == "/opt/one folder/bin/lmp"


def test_a_code_registered_by_hand_has_no_version(computer):
    code = orm.InstalledCode(label="by-hand", computer=computer, filepath_executable="/bin/true").store()
    assert code_version(code) == ""


# --- the slots --------------------------------------------------------------------------------------------------------


@pytest.fixture
def start_job(aiida_profile, tmp_path):
    """Return a function that starts a job as the scheduler does: bash on the prepend text and what it is to do."""
    computer, _ = ensure_computer(slots=2)
    text = computer.get_prepend_text().replace(str(Path(computer.get_workdir()) / "slots"), str(tmp_path / "slots"))
    assert str(tmp_path / "slots") in text
    started = []

    def start(body):
        process = subprocess.Popen(["bash", "-c", f"{text}\n{body}"], cwd=tmp_path, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def _wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def _most_at_once(stamps):
    events = sorted([(start, 1) for start, _ in stamps] + [(end, -1) for _, end in stamps])
    running = most = 0
    for _, change in events:
        running += change
        most = max(most, running)
    return most


@pytest.mark.timeout(60)
def test_never_more_jobs_than_slots(start_job, tmp_path):
    jobs = [start_job(f"date +%s%N > {i}; sleep 0.3; date +%s%N >> {i}") for i in range(6)]
    assert [job.wait() for job in jobs] == [0] * 6
    stamps = [tuple(map(int, (tmp_path / str(i)).read_text().split())) for i in range(6)]
    assert all(len(stamp) == 2 for stamp in stamps)
    assert _most_at_once(stamps) == 2


@pytest.mark.timeout(60)
def test_a_killed_job_frees_its_slot(start_job, tmp_path):
    # exec: the job is one process, so that none of its children keeps the slot, as it should.
    victims = [start_job(f"touch {i}; exec sleep 1000") for i in range(2)]
    _wait_for(tmp_path / "0")
    _wait_for(tmp_path / "1")
    waiting = [start_job(f"touch next{i}; exec sleep 1000") for i in range(2)]
    time.sleep(0.5)
    assert not (tmp_path / "next0").exists()
    assert not (tmp_path / "next1").exists()
    victims[0].kill()
    while not any((tmp_path / f"next{i}").exists() for i in range(2)):
        time.sleep(0.01)
    time.sleep(0.3)
    assert sum((tmp_path / f"next{i}").exists() for i in range(2)) == 1
    victims[1].kill()
    for i in range(2):
        _wait_for(tmp_path / f"next{i}")
    assert all(job.poll() is None for job in waiting)


@pytest.mark.timeout(60)
def test_a_job_that_waits_may_be_killed_too(start_job, tmp_path):
    victims = [start_job(f"touch {i}; exec sleep 1000") for i in range(2)]
    _wait_for(tmp_path / "0")
    _wait_for(tmp_path / "1")
    first_in_queue = start_job("touch never")
    time.sleep(0.3)
    second = start_job("touch second")
    first_in_queue.kill()
    victims[0].kill()
    assert second.wait() == 0
    assert (tmp_path / "second").exists()
    assert not (tmp_path / "never").exists()


def test_jobs_use_one_thread(start_job, tmp_path):
    assert start_job("echo $OMP_NUM_THREADS > threads").wait() == 0
    assert (tmp_path / "threads").read_text() == "1\n"


@pytest.mark.usefixtures("codes_are_put_back")
def test_a_code_knows_its_data(computer, installation, tmp_path, monkeypatch):
    assert code_data_folder(ensure_code(installation, computer)[0]) is None
    (tmp_path / "BASIS_MOLOPT").touch()
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path))
    cp2k = dataclasses.replace(installation, engine=engines()["cp2k"])
    code = ensure_code(cp2k, computer)[0]
    assert code_data_folder(code) == tmp_path
    code.label = f"cp2k-{code.pk}"


@pytest.mark.usefixtures("codes_are_put_back")
def test_an_executable_is_asked_for_its_version_on_its_computer(computer, tmp_path):
    script = tmp_path / "bin" / "lmp"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\necho "Large-scale Massively Parallel Simulator - $LAMMPS_OF_MODULE"\n')
    script.chmod(0o755)
    found = found_on(engines()["lammps"], script, computer, "export LAMMPS_OF_MODULE='2 Aug 2023'")
    assert found.version == "2 Aug 2023"
    code, created = ensure_code(found, computer, "export LAMMPS_OF_MODULE='2 Aug 2023'")
    assert created
    assert code_version(code) == "2 Aug 2023"
    assert code.prepend_text.startswith("export LAMMPS_OF_MODULE='2 Aug 2023'\nexport PATH=")
    with pytest.raises(EngineError, match="does not print the version of lammps; it prints: "):
        found_on(engines()["lammps"], tmp_path / "absent", computer)
