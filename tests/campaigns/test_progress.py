"""What a running point is doing now, in words."""

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.calculations import usage
from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.campaigns.progress import progress_of

THERMO = """\
   Step          Temp          TotEng
         0   750.1         -1.5
       100   748.3         -1.5
       150   751.0         -1.5
"""


@pytest.fixture
def running(specification, store_point, store_attempt, store_job):
    """Return the production stage of a running attempt."""
    attempt = store_attempt(store_point(specification()), "waiting")
    md = store_job(attempt, "md", kind=orm.WorkChainNode)
    return store_job(md, "production", kind=orm.WorkChainNode)


@pytest.fixture
def store_lammps(running, computer, settings, tmp_path):
    """Return a maker of a LAMMPS job of 400 steps in a folder of this machine."""

    def store(label="iteration_01", **attributes):
        parameters = orm.Dict(settings(duration=0.2).model_dump(mode="json")).store()
        node = orm.CalcJobNode(computer=computer, process_type="aiida.calculations:superionic.lammps")
        node.base.links.add_incoming(running, LinkType.CALL_CALC, label)
        node.base.links.add_incoming(parameters, LinkType.INPUT_CALC, "parameters")
        node.set_option("output_filename", "lammps.out")
        node.store()
        node.set_process_state("waiting")
        node.base.attributes.set_many(attributes)
        return node

    return store


def now(specification):
    [words] = progress_of(point_statuses([specification()]))
    return words


def test_points_that_do_not_run_have_no_progress_but_a_reason(specification, store_point, store_attempt):
    store_attempt(store_point(specification(2)), exit_status=401, exit_message="molten")
    store_attempt(store_point(specification(3)))
    assert progress_of(point_statuses([specification(seed) for seed in (1, 2, 3)])) == ["", "molten", ""]


def test_workchain_that_runs_a_step_is_between_jobs(specification, running):
    assert now(specification) == "between jobs"


def test_job_without_a_folder_is_being_prepared(specification, store_lammps):
    store_lammps()
    assert now(specification) == "production is being prepared"


def test_job_that_has_not_begun_waits_for_a_slot(specification, store_lammps, tmp_path):
    store_lammps(remote_workdir=str(tmp_path))
    assert now(specification) == "production waits for a slot"


@pytest.mark.parametrize(("output", "words"), [("", "production"), (THERMO, "production 38%"), (None, "production")])
def test_engine_that_runs_tells_its_step(specification, store_lammps, tmp_path, output, words):
    (tmp_path / usage.FILE).touch()
    if output is not None:
        (tmp_path / "lammps.out").write_text(output)
    store_lammps(remote_workdir=str(tmp_path))
    assert now(specification) == words


def test_paused_job_says_how_to_go_on(specification, store_lammps):
    job = store_lammps(process_status="the upload failed 5 times")
    job.pause()
    assert now(specification) == (
        f"production is paused: the upload failed 5 times; go on with: verdi process play {job.pk}"
    )


def test_of_several_jobs_one_that_is_at_work_is_told_and_a_paused_one_before(specification, store_lammps, tmp_path):
    for name in ("begun", "waiting"):
        (tmp_path / name).mkdir()
    (tmp_path / "begun" / usage.FILE).touch()
    (tmp_path / "begun" / "lammps.out").write_text(THERMO)
    store_lammps("iteration_01", remote_workdir=str(tmp_path / "begun"))
    waiting = store_lammps("iteration_02", remote_workdir=str(tmp_path / "waiting"))
    assert now(specification) == "production 38%, 1 more open"
    waiting.base.attributes.set("process_status", "the upload failed 5 times")
    waiting.pause()
    assert now(specification).startswith("production is paused: the upload failed 5 times; go on with")


def test_number_of_queries_does_not_grow_with_the_points(specification, store_point, store_attempt, store_job, queries):
    many = [specification(seed) for seed in range(1, 21)]
    for one in many:
        store_job(store_attempt(store_point(one), "waiting"), "analyse")
    statuses = point_statuses(many)
    with queries() as for_one:
        progress_of(statuses[:1])
    with queries() as for_many:
        assert progress_of(statuses) == ["analyse is being prepared"] * len(many)
    assert 0 < len(for_many) <= len(for_one)
