"""One real chain: a classical run of α-AgI, frames of it labelled, a potential learned from them, a run with that."""

import pytest
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import run_get_node

from aiida_superionic.calculations.convert import ConvertCalculation
from aiida_superionic.calculations.datasets import displace_frames, merge_datasets, select_frames, split_dataset
from aiida_superionic.calculations.evaluate import EvaluateCalculation
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.calculations.labels import frames_of_trajectory
from aiida_superionic.engines.registration import code_version
from aiida_superionic.workchains.train import TrainWorkChain
from aiida_superionic.workchains.transport import TransportWorkChain

TIMES = {"timestep": 0.002, "equilibration": 1.0, "sampling_interval": 0.02, "checkpoint_interval": 1.0}
BASIS = {
    "cutoff": 5.5,
    "bessel_degree": 3,
    "inverse_degree": 6,
    "two_body_functions": 6,
    "three_body_functions": 4,
    "three_body_angular_degree": 3,
    "learn_stress": False,
}
FIT = {"fit_start": 1.0, "fit_end": 3.0}
PRODUCTION, LABELLED = 20.0, (8, 8, 4)


@pytest.fixture
def transport(lammps_code, analysis_code):
    """Return a function that runs a point of α-AgI at 750 K with some potential, and returns its node."""

    def run(structure, potential, production):
        builder = TransportWorkChain.get_builder_from_protocol(
            lammps_code,
            analysis_code,
            structure,
            potential,
            temperature=750.0,
            mobile=["Ag"],
            seed=7,
            observables={"diffusion": FIT, "radial_distribution": {}, "temperature": {}},
            version=code_version(analysis_code),
            overrides={**TIMES, "production": production},
        )
        node = run_get_node(builder)[1]
        # A short run may only bound what diffuses.
        assert node.exit_status in {0, TransportWorkChain.exit_codes.ERROR_NOT_CONVERGED.status}, node.exit_message
        return node

    return run


@pytest.fixture(scope="session")
def known():
    return {}


@pytest.fixture
def once(known):
    """Return a function that makes a node the first time, and again where the profile was emptied since."""

    def make(name, function):
        try:
            return orm.load_node(known[name])
        except (KeyError, NotExistent):
            node = function()
            known[name] = node.uuid
            return node

    return make


@pytest.fixture
def classical(once, transport, potential_node):
    """Return a classical run."""

    def run():
        structure = make_structure(orm.Str("alpha-AgI"), orm.List([2, 2, 2]), orm.Int(1))
        return transport(structure, potential_node, PRODUCTION)

    return once("classical", run)


@pytest.fixture
def labelled(once, classical, conversion_code, lammps_code):
    """Return a dataset that was joined from three, each labelled by a job of its own."""

    def run():
        teacher = classical.inputs.md.potential
        home = run_get_node(
            ConvertCalculation, code=conversion_code, trajectory=classical.outputs.trajectory, every=orm.Int(50)
        )[0]["frames"]
        frames = frames_of_trajectory(home, orm.Float(750.0))
        parts = []
        for seed, count in enumerate(LABELLED):
            some = select_frames(frames, orm.Str("uniform"), orm.Int(count))
            moved = displace_frames(some, orm.Dict({"Ag": 0.05, "I": 0.05}), orm.Int(seed))
            job = run_get_node(EvaluateCalculation, code=lammps_code, dataset=moved, potential=teacher)[1]
            assert job.is_finished_ok, job.exit_message
            parts.append(job.outputs.dataset)
        return merge_datasets(a=merge_datasets(a=parts[0], b=parts[1]), b=parts[2])

    return once("labelled", run)


@pytest.fixture
def training(once, labelled, own_code, lammps_code):
    """Return a training of a linear potential on the dataset."""

    def run():
        fit_code = own_code("fit")
        divided = split_dataset(labelled, orm.Dict({"train": 14, "validation": 6}), orm.Int(3))
        builder = TrainWorkChain.get_builder_from_protocol(
            "pod",
            fit_code,
            lammps_code,
            divided,
            seed=5,
            committee=2,
            version=code_version(fit_code),
            overrides=BASIS,
        )
        node = run_get_node(builder)[1]
        assert node.is_finished_ok, node.exit_message
        return node

    return once("training", run)


@pytest.fixture
def learned(once, training, classical, transport):
    """Return a short run with the potential that was learned."""
    return once("learned", lambda: transport(classical.inputs.md.structure, training.outputs.potential, 2.0))
