"""Dynamics that explode are seen while they run, and end early."""

import time

import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.engine import run_get_node

from aiida_superionic.calculations.cp2k_md import Cp2kMdCalculation
from aiida_superionic.calculations.explosion import ENTRY_POINT, explosion, watch
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.workchains.md import MdWorkChain

MONITOR = {"entry_point": ENTRY_POINT}
LAMMPS_ROW = "{step} {temperature} -500.0 3.0 -497.0 100.0 8000.0 0.01\n"
CP2K_ROW = "  {step}  {time}  0.01  {temperature}  -80.0  -79.9  1.5\n"


class Tail:
    """A transport to a computer on which a file ends so."""

    def __init__(self, text):
        self.text = text

    def exec_command_wait(self, command, workdir):
        self.asked = command, workdir
        return 0, self.text, ""


@pytest.fixture
def job(computer, settings):
    """Return a maker of jobs at 750 K, whose folder is /job."""

    def make(process):
        node = orm.CalcJobNode(computer=computer, process_type=process.build_process_type())
        node.set_option("output_filename", "lammps.out")
        node.set_remote_workdir("/job")
        parameters = orm.Dict(settings(temperature=750.0).model_dump(mode="json")).store()
        node.base.links.add_incoming(parameters, LinkType.INPUT_CALC, "parameters")
        return node

    return make


def test_ten_times_the_temperature_is_an_explosion():
    assert explosion([(0, 750.0), (10, 7500.0)], 750.0) is None
    assert explosion([(0, 750.0), (10, 7501.0), (20, 1e9)], 750.0) == "the temperature is 7501 K at step 10"


@pytest.mark.parametrize(
    ("process", "row", "file"),
    [(LammpsCalculation, LAMMPS_ROW, "lammps.out"), (Cp2kMdCalculation, CP2K_ROW, "aiida-1.ener")],
)
def test_the_monitor_reads_the_end_of_what_each_engine_writes(job, process, row, file):
    calm = "".join(row.format(step=step, time=0.5 * step, temperature=740.0 + step) for step in range(5))
    tail = Tail("83 0.1 cut off\n" + calm)
    assert watch(job(process), tail) is None
    assert tail.asked == (f"tail -c 4096 {file}", "/job")
    hot = row.format(step=6, time=3.0, temperature=8e4)
    # A row that is still being written is not read.
    assert watch(job(process), Tail(calm + hot.rstrip("\n"))) is None
    told = watch(job(process), Tail(calm + hot))
    assert told.message == "the temperature is 80000 K at step 6"
    assert told.override_exit_code is False
    assert watch(job(process), Tail(calm + row.format(step=6, time=3.0, temperature="nan"))).message == (
        "the energy is not a number"
    )
    assert watch(job(process), Tail("")) is None


def test_a_run_that_explodes_is_killed_before_its_end(lammps_code, md_inputs):
    """At a timestep of 8 fs the crystal of 5 K heats itself up; LAMMPS is told to let it."""
    asked = {"temperature": 5.0, "ensemble": "nve", "timestep": 0.008, "duration": 800_000.0}
    inputs = md_inputs(**asked, host_displacement_limit=1e9, thermo_interval=0.8, checkpoint_interval=80_000.0)
    began = time.monotonic()
    _, node = run_get_node(LammpsCalculation, code=lammps_code, monitors={"explosion": orm.Dict(MONITOR)}, **inputs)
    assert node.exit_status == LammpsCalculation.exit_codes.ERROR_UNSTABLE.status
    assert "The motion is unstable: the temperature is" in node.exit_message
    assert "Total wall time" not in node.outputs.retrieved.base.repository.get_object_content("lammps.out")
    assert time.monotonic() - began < 120.0


def test_lammps_is_watched_where_that_is_asked_for(lammps_code, md_inputs):
    given = md_inputs()
    arguments = (lammps_code, given["structure"], given["potential"])
    asked = {"temperature": 750.0, "mobile": ["Ag"], "seed": 1}
    builder = MdWorkChain.get_builder_from_protocol(*arguments, **asked)
    assert not builder.production["lammps"].get("monitors")
    builder = MdWorkChain.get_builder_from_protocol(*arguments, **asked, watch_interval=60)
    for stage in ("equilibration", "production"):
        assert builder[stage]["lammps"]["monitors"]["explosion"].get_dict() == {**MONITOR, "minimum_poll_interval": 60}
