"""What the tests of the handbook compare with, and what is kept of its notebook."""

import nbformat
import pytest
from handbook import NOTEBOOK, agrees


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("D = 1.2e-05 ± 0.1\n", "D = 9.13e-06 ± 2\n", True),
        ("made\n...\ndone\n", "made\nx\ny\ndone\n", True),
        ("made\n...\ndone\n", "made\ndone\n", True),
        ("┃ D ┃\n│ 1 │\n", "┃   D ┃\n│ 1.5 │\n", True),
        ("3 finished\n", "3 failed\n", False),
        ("one\ntwo\n", "one\n", False),
        ("one\n", "one\ntwo\n", False),
    ],
)
def test_agreement_is_that_of_words(shown, printed, same):
    assert agrees(shown, printed) == same


def test_outputs_of_the_notebook_are_not_kept():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not [cell for cell in cells if cell.outputs or cell.execution_count]
