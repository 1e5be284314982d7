"""A compiled network of NequIP as a potential, and the script that its driver makes of LAMMPS'."""

import numpy as np
import pytest

from aiida_superionic.potentials import PotentialError, parse_potential
from aiida_superionic.potentials.nequip import DRIVER_FILE, MODEL_FILE, Nequip
from aiida_superionic.potentials.nequip_driver import deviations, parts

_MODEL = b"PK\x00machine code"


@pytest.fixture
def network():
    return Nequip.of(_MODEL, ["Ag", "I"], description="none", source="a test")


def test_it_is_read_back_with_its_model(network):
    assert parse_potential(network.text(), {MODEL_FILE: _MODEL}) == network
    with pytest.raises(PotentialError, match=r"model.nequip.pt2 is damaged"):
        parse_potential(network.text(), {MODEL_FILE: b"other"})


def test_lammps_gets_species_by_name_and_the_driver(network):
    given = network.lammps(["I", "Ag"], 4)
    assert given.commands == ("pair_style nequip", "pair_coeff * * model.nequip.pt2 I Ag")
    assert set(given.files) == {MODEL_FILE, DRIVER_FILE}
    assert given.program == "python"
    assert given.arguments("input.in") == [DRIVER_FILE, "-in", "input.in"]
    compile(given.files[DRIVER_FILE], DRIVER_FILE, "exec")
    with pytest.raises(PotentialError, match="describes Ag, I and the structure holds Br"):
        network.lammps(["Br"], 1)


def test_a_lammps_that_has_the_style_needs_no_driver():
    given = Nequip.of(_MODEL, ["Ag"], description="none", source="a test", target="pair_nequip").lammps(["Ag"], 1)
    assert (given.program, given.files) == (None, {MODEL_FILE: _MODEL})
    assert given.arguments("input.in") == ["-in", "input.in"]


def test_a_script_is_cut_where_a_model_comes_in():
    before, after = "units metal\nread_data structure.data", "neighbor 1.0 bin\nrun 10\nlabel end"
    first, rest = parts(f"{before}\npair_style nequip\npair_coeff * * model.nequip.pt2 Ag I\n{after}\n")
    assert (first.models, first.species) == (("model.nequip.pt2",), ("Ag", "I"))
    assert first.commands.startswith(f"{before}\n")
    assert "nequip.pt2" not in first.commands
    assert rest == (f"{after}\n", (), (), 0, "")


def test_each_system_of_a_script_gets_the_model_anew():
    """As a script that evaluates frames of several compositions has them."""
    system = "read_data {0}.data\npair_style nequip\npair_coeff * * model.nequip.pt2 {1}\nrun 0\n"
    cut = parts(system.format(1, "Ag I") + "clear\n" + system.format(2, "Ag"))
    assert [part.species for part in cut] == [("Ag", "I"), ("Ag",), ()]
    assert cut[1].commands.startswith("run 0\nclear\nread_data 2.data\n")


def test_a_script_of_another_potential_stays_as_it_is():
    script = "pair_style pod\npair_coeff * * basis.pod coefficients.pod Ag I\nrun 0\n"
    assert parts(script) == [(script, (), (), 0, "")]


def test_a_committee(network):
    others = [Nequip.of(text, ["I", "Ag"], description="none", source="a test") for text in (b"second", b"third")]
    given = network.lammps_committee(others, ["Ag", "I"], 4, interval=50)
    first, _ = parts("\n".join(given.commands))
    members = ("model.nequip.pt2", "member_1.nequip.pt2", "member_2.nequip.pt2")
    assert (first.models, first.species) == (members, ("Ag", "I"))
    assert (first.interval, first.deviations) == (50, given.deviation_file)
    assert [given.files[name] for name in members] == [_MODEL, b"second", b"third"]
    with pytest.raises(PotentialError, match="compiled for another program"):
        network.lammps_committee(
            [Nequip.of(b"", ["Ag", "I"], description="", source="", target="pair_nequip")], ["Ag"], 1, 1
        )


def test_deviations_as_dp_gen_defines_them():
    forces = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]]])
    virials = np.array([[0.0, 2.0], [0.4, 2.0]])
    # (1, 0, 0) and (−1, 0, 2) are both √2 from their mean (0, 0, 1).
    assert deviations(virials, forces) == pytest.approx([0.2, 0.0, 0.1, np.sqrt(2), 0.0, np.sqrt(2) / 2])
