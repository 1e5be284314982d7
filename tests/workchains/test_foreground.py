"""Processes run together, without a daemon."""

import pytest
from aiida import orm
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation

from aiida_superionic.workchains.foreground import FailedProcessError, run_together


@pytest.fixture
def addition(computer):
    code = orm.InstalledCode(label="add", computer=computer, filepath_executable="/bin/bash").store()

    def make(x, y, seconds=0.0):
        builder = ArithmeticAddCalculation.get_builder()
        builder.code, builder.x, builder.y = code, orm.Int(x), orm.Int(y)
        builder.metadata.options.prepend_text = f"date +%s.%N > began; sleep {seconds}; date +%s.%N > ended"
        builder.metadata.options.additional_retrieve_list = ["began", "ended"]
        return builder

    return make


def test_processes_run_at_the_same_time(addition):
    nodes = run_together(addition(1, 2, 3.0), addition(3, 4, 3.0))
    assert [node.outputs.sum.value for node in nodes] == [3, 7]
    began, ended = (
        [float(node.outputs.retrieved.base.repository.get_object_content(name)) for node in nodes]
        for name in ("began", "ended")
    )
    assert max(began) < min(ended)


def test_the_one_that_failed_is_named(addition):
    with pytest.raises(FailedProcessError, match=r"ArithmeticAddCalculation .* failed: The sum .* negative number"):
        run_together(addition(1, 2), addition(1, -2))


def test_one_that_lacks_what_was_said_may_lack_it(addition):
    status = ArithmeticAddCalculation.exit_codes.ERROR_NEGATIVE_NUMBER.status
    both = run_together(addition(1, 2), addition(1, -2), lacking=[status])
    assert [node.exit_status for node in both] == [0, status]
    with pytest.raises(FailedProcessError):
        run_together(addition(1, -2), lacking=[status + 1])
