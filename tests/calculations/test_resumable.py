"""A worker killed between AiiDA's note that a step is done and the step's output: the step is done again."""

import pytest
from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.common.links import LinkType
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from plumpy.persistence import Bundle, LoadSaveContext

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.lammps import LammpsCalculation
from aiida_superionic.calculations.resumable import ResumableCalcJob


@pytest.fixture
def take_up(lammps_code, md_inputs, tmp_path):
    """Return a function that takes up a LammpsCalculation, as a new worker does, after its node was changed."""

    def take_up(state, outputs=()):
        folder = orm.RemoteData(str(tmp_path), computer=lammps_code.computer)
        runner = get_manager().create_runner(communicator=None)
        process = instantiate_process(runner, LammpsCalculation, code=lammps_code, **md_inputs())
        checkpoint = Bundle(process)
        for label in outputs:
            data = orm.FolderData() if label == "retrieved" else folder
            data.base.links.add_incoming(process.node, LinkType.CREATE, label)
            data.store()
        process.node.set_state(state)
        return checkpoint.unbundle(LoadSaveContext(runner=runner)).node.get_state()

    return take_up


def test_our_jobs_are_resumable():
    assert issubclass(LammpsCalculation, ResumableCalcJob)
    assert issubclass(AnalyseCalculation, ResumableCalcJob)


def test_step_without_its_output_is_done_again(take_up):
    assert take_up(CalcJobState.UNSTASHING) is CalcJobState.UPLOADING
    assert take_up(CalcJobState.PARSING, ["remote_folder"]) is CalcJobState.RETRIEVING


def test_step_with_its_output_is_not_done_again(take_up):
    assert take_up(CalcJobState.UNSTASHING, ["remote_folder"]) is CalcJobState.UNSTASHING
    assert take_up(CalcJobState.PARSING, ["remote_folder", "retrieved"]) is CalcJobState.PARSING
    assert take_up(CalcJobState.WITHSCHEDULER, ["remote_folder"]) is CalcJobState.WITHSCHEDULER
