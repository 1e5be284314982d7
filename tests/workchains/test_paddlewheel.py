"""Models side by side, from runs of the real engines of a few hundred steps."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import code_version
from aiida_superionic.potentials import potentials
from aiida_superionic.workchains.paddlewheel import PaddlewheelWorkChain

_OWN = potentials()["vashishta-rahman"]
_STIFFER = _OWN.replace("coefficient: 114.48", "coefficient: 120.0")
_PAIR = {"own": _OWN, "stiffer": _STIFFER}
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
    "force_correlation": {"longest_lag": 1.0},
}


@pytest.fixture
def study(lammps_code, conversion_code, analysis_code):
    def build(cell, *, codes=None, potentials=_PAIR, **changes):
        models = {name: PotentialData(text) for name, text in potentials.items()}
        return PaddlewheelWorkChain.get_builder_from_protocol(
            {"conversion": conversion_code, "analysis": analysis_code, **(codes or {})},
            dict.fromkeys(models, lammps_code),
            make_structure(orm.Str("alpha-AgI"), orm.List(list(cell)), orm.Int(1)),
            models,
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
    collapsing = _OWN.replace("coefficient: 114.48", "coefficient: 1.0")
    _, node = run_get_node(study((2, 2, 2), potentials={"own": _OWN, "collapsing": collapsing}))
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
    with pytest.raises(ValueError, match=message):
        run_get_node(study((2, 2, 2), **changes))
