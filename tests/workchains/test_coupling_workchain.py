"""Modes compared, from runs of the real engine of a few hundred steps."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.engines.registration import code_version
from aiida_superionic.workchains.coupling import CouplingWorkChain

_SHORT = {
    "equilibration": 0.2,
    "production": 0.6,
    "sampling_interval": 0.01,
    "thermo_interval": 0.01,
    "checkpoint_interval": 0.1,
}


@pytest.fixture
def coupling(lammps_code, analysis_code, md_inputs):
    def build(**changes):
        inputs = md_inputs()
        given = {
            "temperatures": [600.0],
            "mobile": ["Ag"],
            "formal_charges": {"Ag": 1.0},
            "version": code_version(analysis_code),
            "modes": ["RTC", "RTVC"],
            "atoms": [(16, 17), (18, 19, 20)],
            "n_orientations": 2,
            "seed": 5,
            "overrides": _SHORT,
            "observables": {"conductivity": {"fit_start": 0.05, "fit_end": 0.1}, "vibrations": {"longest_lag": 0.1}}
            | {"temperature": {}},
            **changes,
        }
        return CouplingWorkChain.get_builder_from_protocol(
            lammps_code, analysis_code, inputs["structure"], inputs["potential"], **given
        )

    return build


def test_the_modes_of_two_orientations(coupling):
    _, node = run_get_node(coupling())
    assert node.is_finished_ok, node.exit_message
    children = {child.label: child for child in node.called if isinstance(child, orm.WorkChainNode)}
    assert set(children) == {
        f"{mode} at 600 K, orientation {orientation}" for mode in ("UC", "RTC", "RTVC") for orientation in (1, 2)
    }
    for orientation in (1, 2):
        free = children[f"UC at 600 K, orientation {orientation}"]
        held = children[f"RTVC at 600 K, orientation {orientation}"]
        assert held.inputs.md.structure.uuid == free.outputs.structure.uuid
        assert held.inputs.md.crystal.uuid == node.inputs.structure.uuid
        assert held.inputs.md.seed == free.inputs.md.seed == 4 + orientation
    found = node.outputs.observables.get_dict()
    values = [
        child.outputs.observables["conductivity_nernst_einstein"]["value"]
        for label, child in children.items()
        if label.startswith("RTC")
    ]
    assert found["conductivity_nernst_einstein_RTC_600K"]["value"] == pytest.approx(sum(values) / 2)
    assert found["log_conductivity_decrease_vibration_600K"]["error"] > 0.0
    assert "band_centre_shift_Ag_600K" in found
    for label, child in children.items():
        asked = child.inputs.analyse.observables.get_dict()
        if label.startswith("UC"):
            assert (asked["temperature"], "temperature" in asked["conductivity"]) == ({}, False)
        else:
            # Five atoms: two bodies of three motions of the whole each, two or three turns; or all fifteen.
            n_held = {"RTC ": 3 + 2 + 3 + 3, "RTVC": 15}[label[:4]]
            assert asked["temperature"] == {"held": n_held, "conserves_momentum": False}
            assert asked["conductivity"]["temperature"] == 600.0
            # 0.6 ps of some eighty degrees of freedom, at the mean energy of 0.2 ps: within a fifth.
            assert child.outputs.observables["temperature"]["value"] == pytest.approx(600.0, rel=0.2)
    assert not any("." in name for name in found)
    assert "compute reorientations" in node.outputs.report["warnings"][0]


def test_a_run_that_fails_is_named(coupling):
    hot = {"temperatures": [6000.0], "overrides": {**_SHORT, "equilibration": 10.0}, "n_orientations": 1}
    _, node = run_get_node(coupling(**hot))
    assert node.exit_status == CouplingWorkChain.exit_codes.ERROR_RUN_FAILED.status
    assert node.exit_message.startswith(
        "UC at 6000 K, orientation 1 failed: The equilibration failed: The host lattice"
    )
    assert len(node.called) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"atoms": [], "rotors": ["PS4"]}, "the structure holds no polyanions"),
        ({"modes": ["RTX"]}, "mode: Input should be"),
        ({"atoms": [(0, 1), (1, 2)]}, "atom 1 is chosen twice"),
        ({"temperatures": []}, "give one temperature"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(coupling, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        run_get_node(coupling(**changes))
