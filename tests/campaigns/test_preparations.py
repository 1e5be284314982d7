"""Points that wait for a potential: what is prepared, in which state they stand, and what an apply would submit."""

import json

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.campaigns import apply as module
from aiida_superionic.campaigns import builders
from aiida_superionic.campaigns.attempts import State, point_statuses
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.points import expansion
from aiida_superionic.campaigns.preparation_builders import codes_of_preparation, preparation_builder
from aiida_superionic.campaigns.preparations import PREPARATION
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.data.preparation import PreparationData
from aiida_superionic.potentials import potentials

FILE = """\
campaign: learned
structure: {material: alpha-AgI, supercell: [2, 2, 2]}
potentials:
  - vashishta-rahman
  - train: {dataset: frames, protocol: fast, settings: {cutoff: 5.0}}
temperatures: [700, 750]
constraints: [UC]
replicas: 1
observables: [diffusion]
"""
LEARN = "learn: {dataset: frames, protocol: fast, temperatures: [700], teacher: vashishta-rahman}"
TRAIN = "train: {dataset: frames, protocol: fast, settings: {cutoff: 5.0}}"


@pytest.fixture
def load(tmp_path):
    def load(text=FILE):
        path = tmp_path / "learned.yaml"
        path.write_text(text)
        return load_campaign(path)

    return load


@pytest.fixture
def attempt():
    """Return a maker of attempts at a preparation."""

    def make(asked, state, exit_status=0, message=None, potential=None):
        (specification,) = asked.preparations.values()
        known = orm.QueryBuilder().append(PreparationData).first(flat=True)
        node = known or PreparationData(json.loads(specification.canonical_json), specification.hash)
        node.label = specification.label
        node.store()
        chain = orm.WorkChainNode()
        chain.base.links.add_incoming(node, LinkType.INPUT_WORK, PREPARATION)
        chain.store()
        chain.set_process_state(state)
        if state == "finished":
            chain.set_exit_status(exit_status)
            chain.set_exit_message(message)
        else:
            chain.set_checkpoint("a checkpoint")
        if potential is not None:
            job = orm.CalcFunctionNode()
            job.base.links.add_incoming(chain, LinkType.CALL_CALC, "fit")
            job.store()
            potential.base.links.add_incoming(job, LinkType.CREATE, "potential")
            potential.store()
            potential.base.links.add_incoming(chain, LinkType.RETURN, "potential")
        return chain

    return make


def states(asked):
    return [str(status.state) for status in point_statuses(asked.points)]


class TestPointsThatWait:
    def test_go_from_one_state_to_the_next(self, frames, load, attempt):
        frames()
        campaign = load()
        asked = expansion(campaign)
        (preparation,) = asked.preparations.values()
        assert states(asked) == ["missing", "missing", "waiting", "waiting"]
        now = module.due(campaign, asked, point_statuses(asked.points))
        assert (len(now.points), now.preparations) == (2, [preparation])

        chain = attempt(asked, "running")
        statuses = point_statuses(asked.points)
        assert statuses[2].awaits == f"waits for {preparation.label} (process {chain.pk})"
        assert module.due(campaign, asked, statuses).preparations == []
        assert module._running(statuses) == [chain.pk]

        chain.set_process_state("finished")
        chain.set_exit_status(401)
        chain.set_exit_message("The training failed: too few frames")
        statuses = point_statuses(asked.points)
        assert statuses[3].state is State.WAITING
        assert statuses[3].awaits.endswith("which failed: The training failed: too few frames")
        assert module.due(campaign, asked, statuses).preparations == []
        assert module.due(campaign, asked, statuses, retry_failed=True).preparations == [preparation]

        potential = PotentialData(potentials()["vashishta-rahman"])
        attempt(asked, "finished", potential=potential)
        assert states(asked) == ["missing"] * 4
        assert builders._forces(asked.points[-1]).uuid == potential.uuid

    def test_are_the_same_whatever_the_dataset_is_called(self, frames, load):
        frames()
        asked = expansion(load())
        frames("other")
        again = expansion(load(FILE.replace("dataset: frames", "dataset: other")))
        assert [point.hash for point in again.points] == [point.hash for point in asked.points]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("cutoff: 5.0", "cutoff: 5.1"),
            ("protocol: fast", "protocol: balanced"),
            ("protocol: fast", "protocol: fast, seed: 2"),
            ("protocol: fast", "protocol: fast, committee: 2"),
            (TRAIN, LEARN),
        ],
    )
    def test_are_others_where_the_potential_is_another(self, frames, load, old, new):
        frames()
        first, other = (expansion(load(text)).points for text in (FILE, FILE.replace(old, new)))
        assert [point.hash for point in first[:2]] == [point.hash for point in other[:2]]
        assert not {point.hash for point in first[2:]} & {point.hash for point in other[2:]}

    def test_say_in_their_label_by_what_they_differ(self, frames, load):
        frames()
        point = expansion(load()).points[-1]
        assert point.label == f"alpha-AgI 2x2x2 · pod {point.preparation[:8]} · 750 K · UC · seed 1"


class TestBuilder:
    @pytest.fixture
    def machine(self, computer):
        names = ("lammps", "fit", "assessment", "conversion", "deepmd", "lammps-deepmd")
        codes = {
            name: orm.InstalledCode(computer=computer, filepath_executable="/bin/true", label=name).store()
            for name in names
        }
        return builders.Machine(codes)

    @pytest.mark.parametrize(
        ("potential", "codes"),
        [
            (TRAIN, {"fit", "lammps"}),
            (TRAIN.replace("{cutoff: 5.0}", "{learn_stress: false}, family: deepmd"), {"deepmd", "lammps-deepmd"}),
            (LEARN, {"fit", "lammps", "assessment"}),
            (
                LEARN.replace("protocol: fast", "family: deepmd, steps: [1000], settings: {learn_stress: false}"),
                {"deepmd", "lammps-deepmd", "conversion", "lammps"},
            ),
        ],
    )
    def test_is_whole(self, frames, load, machine, potential, codes):
        dataset = frames()
        asked = expansion(load(FILE.replace(TRAIN, potential)))
        (specification,) = asked.preparations.values()
        assert set(codes_of_preparation(specification)) == codes
        builder = preparation_builder(specification, machine)
        assert builder.dataset.uuid == dataset.uuid
        assert builder.seed.value == 1
        ports = builder._process_class.spec().inputs
        told = ports.validate(ports.pre_process(builder._inputs(prune=True)))
        assert told is None, told


REFUSED = [
    ("dataset: frames", "dataset: none", "no DatasetData has the PK, UUID or label 'none'; bring it in with"),
    ("dataset: frames", "dataset: undivided", "the dataset undivided is not divided; do so with: aiida-superionic"),
    ("dataset: frames, ", "", "the key potentials.train.dataset is missing; write the UUID, PK or label of a dataset"),
    ("cutoff: 5.0", "cutof: 5.0", "unknown setting 'cutof'; did you mean cutoff?"),
    ("cutoff: 5.0", "cutoff: 0.5", "the settings do not fit together: pod: inner_cutoff is 1.0"),
    ("cutoff: 5.0", "cutoff: wide", "the settings do not fit together: pod: cutoff: Input should be a valid number"),
    ("protocol: fast", "protocol: fas", "unknown protocol 'fas'; did you mean fast?"),
    ("protocol: fast", "family: pods", "unknown family 'pods'; did you mean pod?"),
    ("protocol: fast", "committee: -1", "potentials.train.committee: -1 is not valid; write a whole number from 0"),
    (TRAIN, "train: {dataset: frames, family: nequip, committee: 0}", "a network is a member of its committee; write"),
    (TRAIN, LEARN.replace(", teacher: vashishta-rahman", ""), "labels come from a potential or from CP2K; write one"),
    (TRAIN, LEARN.replace("vashishta-rahman", "pedone"), "new labels would be of potential pair-functions: Pedone"),
    (TRAIN, LEARN.replace("teacher: vashishta-rahman", "level: xtb"), "those of the dataset are of potential pair-f"),
    (TRAIN, LEARN.replace("protocol: fast", "protocol: fast, family: deepmd"), "only the family pod learns on the fly"),
    (TRAIN, LEARN.replace("protocol: fast", "steps: [7]"), "the explorations do not fit together: learn: "),
    (
        TRAIN,
        LEARN.replace("temperatures: [700], ", ""),
        "the key potentials.learn.temperatures is missing; write a list",
    ),
    ("material: alpha-AgI", "material: gamma-Na3PO4", "the dataset has no frame with Na, O, P, which gamma-Na3PO4"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED)
def test_what_cannot_be_prepared_is_refused(frames, load, old, new, sentence):
    frames()
    frames("undivided", subsets=(None,))
    assert old in FILE
    with pytest.raises(CampaignFileError) as error:
        expansion(load(FILE.replace(old, new)))
    assert any(problem.line == 5 and sentence in problem.sentence for problem in error.value.problems), error.value
