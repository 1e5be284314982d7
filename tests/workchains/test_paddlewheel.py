"""Models side by side, from runs of the real engines of a few hundred steps."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.campaigns.results import conditions
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.report.paddlewheel import models_side_by_side
from aiida_superionic.workchains.paddlewheel import PaddlewheelWorkChain

_OWN = potentials()["vashishta-rahman"]
_STIFFER = _OWN.replace("coefficient: 114.48", "coefficient: 120.0")
_SHORT = {
    "timestep": 0.002,
    "equilibration": 2.0,
    "production": 12.0,
    "sampling_interval": 0.02,
    "thermo_interval": 0.02,
    "checkpoint_interval": 1.0,
}
_OF_IONS = {
    "temperature": {},
    "radial_distribution": {},
    "diffusion": {"fit_start": 0.25, "fit_end": 0.5},
    "force_correlation": {"longest_lag": 1.0},
    "van_hove": {"times": [0.5]},
}


@pytest.fixture
def study(lammps_code, conversion_code, analysis_code):
    def build(cell, *, codes=None, **changes):
        return PaddlewheelWorkChain.get_builder_from_protocol(
            {"lammps": lammps_code, "conversion": conversion_code, "analysis": analysis_code, **(codes or {})},
            make_structure(orm.Str("alpha-AgI"), orm.List(list(cell)), orm.Int(1)),
            changes.pop("potentials", {"own": PotentialData(_OWN), "stiffer": PotentialData(_STIFFER)}),
            **{
                "temperature": 750.0,
                "mobile": ["Ag"],
                "formal_charges": {"Ag": 1.0},
                "seed": 3,
                "version": code_version(analysis_code),
                "observables": _OF_IONS,
                "overrides": _SHORT,
                **changes,
            },
        )

    return build


def nested(namespace):
    """Return the paths of the nodes in a namespace of outputs."""
    return {
        f"{key}.{path}".rstrip(".")
        for key, value in namespace.items()
        for path in ([""] if isinstance(value, orm.Node) else nested(value))
    }


def test_models_forces_and_cells_side_by_side(study):
    larger = {"64": make_structure(orm.Str("alpha-AgI"), orm.List([4, 2, 2]), orm.Int(1))}
    times = {"production": 4.0}
    _, node = run_get_node(study((2, 2, 2), larger=larger, times_of_larger=times))
    names = {"observables", "curves"}
    outputs = node.outputs
    assert nested(outputs.ions) == {f"{model}.{name}" for model in ("own", "stiffer") for name in names}
    assert nested(outputs.larger) == {f"64.{model}.{name}" for model in ("own", "stiffer") for name in names}
    assert nested(outputs.forces) == {
        f"{frames}.{forces}.{name}" for frames in ("own", "stiffer") for forces in ("own", "stiffer") for name in names
    }
    assert "electrons" not in outputs
    # What moved the ions has no integral, within five standard errors from blocks; what did not has one.
    integral = {
        (frames, forces): outputs.forces[frames][forces].observables["force_correlation_integral_Ag"]
        for frames in ("own", "stiffer")
        for forces in ("own", "stiffer")
    }
    for model in ("own", "stiffer"):
        assert abs(integral[model, model]["value"]) < 5 * integral[model, model]["error"]
        assert outputs.ions[model].observables["temperature"]["value"] == pytest.approx(750.0, rel=0.2)
    # Both models are begun alike, and are not the same.
    ours, others = (outputs.ions[model].curves.get_array("radial_distribution_Ag_I__y") for model in ("own", "stiffer"))
    assert not np.array_equal(ours, others)
    runs = {link.link_label: link.node for link in node.base.links.get_outgoing(orm.ProcessNode).all()}
    assert runs["larger__64__own"].inputs.md.production.lammps.parameters["duration"] == times["production"]
    points = models_side_by_side([node], "alpha-AgI")
    assert [(point.specification["atoms"], point.specification["potential"]) for point in points] == [
        (32, "own"),
        (32, "stiffer"),
        (32, "forces of stiffer on frames of own"),
        (32, "forces of own on frames of stiffer"),
        (64, "own"),
        (64, "stiffer"),
    ]
    own, _, across, *_ = conditions(points)
    # The forces that moved the ions, computed again, are the same but for rounding.
    again = pytest.approx(integral["own", "own"]["value"], rel=1e-6)
    assert own.observables["force_correlation_integral_Ag"].value == again
    assert across.observables["force_correlation_integral_Ag"].value == integral["own", "stiffer"]["value"]
    if node.exit_status:  # in so few picoseconds a large cell may only bound its diffusion
        assert node.exit_status == PaddlewheelWorkChain.exit_codes.ERROR_INCOMPLETE.status
        assert "larger 64" in node.exit_message


@pytest.mark.cp2k
def test_electrons_on_the_frames_of_each_model(study, cp2k_code):
    centres = {"centres_per_ion": {"Ag": 5, "I": 4}, "protocol": "xtb", "every": 4, "batch_size": 3, "tolerance": 0.1}
    builder = study(
        (1, 1, 2),
        codes={"cp2k": cp2k_code},
        centres=centres | {"observables": {"dipoles": {}, "coordination": {}}},
        observables={"temperature": {}},
        overrides=_SHORT | {"production": 0.48},
    )
    _, node = run_get_node(builder)
    for model in ("own", "stiffer"):
        found = node.outputs.electrons[model].observables
        # An iodide among silver ions is polarised by some tenths of an electron ångström.
        assert 0.2 < found["dipole_moment_I"]["value"] < 8.0
    runs = {link.link_label: link.node for link in node.base.links.get_outgoing(orm.ProcessNode).all()}
    assert runs["electrons__own"].inputs.trajectory.get_shape("positions")[0] == 7
    # The runs are too short for the force correlation, which is told.
    assert node.exit_status == PaddlewheelWorkChain.exit_codes.ERROR_INCOMPLETE.status
    assert "forces own stiffer: " in node.exit_message


def test_a_model_whose_dynamics_fail_is_told(study):
    # Without repulsion silver falls into iodide.
    collapsing = PotentialData(_OWN.replace("coefficient: 114.48", "coefficient: 1.0"))
    _, node = run_get_node(study((2, 2, 2), potentials={"own": PotentialData(_OWN), "collapsing": collapsing}))
    assert node.exit_status == PaddlewheelWorkChain.exit_codes.ERROR_DYNAMICS_FAILED.status
    assert "collapsing: " in node.exit_message
    assert "own: " not in node.exit_message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"potentials": {}}, "give one at least"),
        ({"potentials": {"ab_initio": _OWN}}, "ab_initio is the name"),
        ({"potentials": {"a__b": _OWN}}, "a__b: a name has no __"),
        ({"centres": {"centres_per_ion": {"I": 4}}}, "cp2k_code is missing"),
    ],
)
def test_what_cannot_be_compared_is_refused(study, changes, message):
    if "potentials" in changes:
        changes = {"potentials": {name: PotentialData(text) for name, text in changes["potentials"].items()}}
    with pytest.raises(ValueError, match=message):
        run_get_node(study((2, 2, 2), **changes))
