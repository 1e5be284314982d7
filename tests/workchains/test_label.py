"""Datasets labelled by the real CP2K."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase.build import bulk

from aiida_superionic.data.dataset import DatasetData
from aiida_superionic.data.gaussians import GaussianError
from aiida_superionic.datasets import Dataset, Frame
from aiida_superionic.datasets.displacement import displace
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell
from aiida_superionic.workchains.label import LabelWorkChain
from aiida_superionic.workchains.protocol import ProtocolError

_ANGSTROM = 1e-3
"""Å by which an atom is moved."""


def _frames():
    """Return four frames of rock-salt LiI of two sizes in turn."""
    rng = np.random.default_rng(0)
    frames = []
    for number in range(4):
        atoms = bulk("LiI", "rocksalt", a=6.0, cubic=number % 2 == 0)
        positions = atoms.positions + rng.normal(0.0, 0.05, atoms.positions.shape)
        frames.append(
            Frame(
                tuple(atoms.get_chemical_symbols()),
                positions,
                atoms.cell.array,
                temperature=300.0 + number,
                origin=f"frame {number} of the test",
            )
        )
    return frames


@pytest.fixture
def label(cp2k_code):
    def run(frames, **settings):
        settings = {"protocol": "xtb", **settings}
        builder = LabelWorkChain.get_builder_from_protocol(cp2k_code, DatasetData(Dataset(tuple(frames))), **settings)
        return run_get_node(builder)[1]

    return run


def _jobs(node):
    return [child for child in node.called_descendants if isinstance(child, orm.CalcJobNode)]


def test_frames_of_several_compositions_are_labelled_and_lead_back_to_their_jobs(label):
    frames = _frames()
    node = label(frames)
    assert node.is_finished_ok, node.exit_message
    assert len(_jobs(node)) == 2
    assert node.outputs.left_out.get_dict() == {}
    made = node.outputs.dataset.dataset
    assert made.level_of_theory == "GFN1-xTB CP2K"
    for frame, given in zip(made.frames, frames, strict=True):
        assert frame.species == given.species
        np.testing.assert_allclose(frame.positions, given.positions, rtol=0, atol=1e-12)
        assert (frame.temperature, frame.origin.partition("; ")[0]) == (given.temperature, given.origin)
        assert np.abs(frame.forces.sum(axis=0)).max() < 0.01
        uuid, number = frame.origin.rpartition("labels ")[2].split(" frame ")
        labels = orm.load_node(uuid)
        assert labels.get_array("energies")[int(number)] == frame.energy
        assert labels.creator.uuid in {job.uuid for job in _jobs(node)}
    # The small cell has one of the four pairs of ions of the large one, and far fewer waves.
    assert made.frames[0].energy / made.frames[1].energy == pytest.approx(4.0, abs=0.5)


def test_labels_are_of_their_own_frames(label):
    """The energy falls along the force on an atom: by central differences, whose error is below a tenth of a meV/Å."""
    middle = _frames()[0]
    frames = [middle]
    for sign in (1.0, -1.0):
        positions = middle.positions.copy()
        positions[3, 1] += sign * _ANGSTROM
        frames.append(Frame(middle.species, positions, middle.cell))
    made = label(frames, batch_size=2, overrides={"scf_tolerance": 1e-8}).outputs.dataset.dataset.frames
    slope = (made[1].energy - made[2].energy) / (2 * _ANGSTROM)
    assert -slope == pytest.approx(made[0].forces[3, 1], abs=1e-3)


@pytest.mark.slow
def test_an_unlike_frame_before_it_does_not_change_the_state_of_a_frame(label):
    """From the electrons of the first of these, the charges of the second run away to a state some 200 eV below."""
    crystals = [make_supercell(materials()["hexagonal-LiBH4"], (2, 2, 1), seed) for seed in (1, 2)]
    frames = tuple(Frame(tuple(atoms.symbols), atoms.positions, atoms.cell.array) for atoms in crystals)
    displaced = displace(Dataset(frames), {"Li": 0.25, "B": 0.06, "H": 0.06}, 1).frames
    first, second = label(displaced).outputs.dataset.dataset.frames
    assert abs(second.energy - first.energy) < 2.0


def test_what_could_not_be_labelled_is_left_out_by_name(label, monkeypatch):
    monkeypatch.setattr("aiida_superionic.workchains.cp2k.scf_remedies", lambda _: [])
    frames = [frame for frame in _frames() if len(frame.species) == 8]
    # One iodide on another: no field that converges.
    broken = frames[0].positions.copy()
    broken[3] = broken[1] + 0.01
    node = label([frames[0], Frame(frames[0].species, broken, frames[0].cell), frames[1]], batch_size=1)
    assert node.exit_status == LabelWorkChain.exit_codes.ERROR_FRAMES_LEFT_OUT.status
    assert list(node.outputs.left_out.get_dict()) == ["1"]
    assert "1 of 3 frames are left out: frame 1 (" in node.exit_message
    kept = node.outputs.dataset.dataset.frames
    assert [frame.origin.partition("; ")[0] for frame in kept] == ["frame 0 of the test", "frame 2 of the test"]


def test_pbe_takes_its_basis_sets_and_pseudopotentials_as_nodes(label):
    frame = next(frame for frame in _frames() if len(frame.species) == 2)
    node = label([frame], protocol="fast", overrides={"cutoff": 150.0, "dispersion": "D3(BJ)"})
    assert node.is_finished_ok, node.exit_message
    (job,) = _jobs(node)
    assert {kind: basis.name for kind, basis in job.inputs.basissets.items()} == {
        "I": "SZV-MOLOPT-SR-GTH-q7",
        "Li": "SZV-MOLOPT-SR-GTH-q3",
    }
    assert {kind: pseudo.name for kind, pseudo in job.inputs.pseudos.items()} == {"I": "GTH-PBE-q7", "Li": "GTH-PBE-q3"}
    assert node.outputs.dataset.dataset.level_of_theory == "PBE-D3(BJ) SZV-MOLOPT-SR-GTH 150/40 Ry CP2K"


def test_forces_on_sodium_do_not_depend_on_the_grid(label):
    # With nine electrons they differ by tenths of eV/Å.
    atoms = bulk("NaI", "rocksalt", a=6.47)
    atoms.positions[0] += [0.31, 0.17, -0.11]
    frame = Frame(tuple(atoms.get_chemical_symbols()), atoms.positions, atoms.cell.array)
    nodes = [label([frame], protocol="fast", overrides={"cutoff": cutoff}) for cutoff in (200.0, 300.0)]
    assert all(node.is_finished_ok for node in nodes), [node.exit_message for node in nodes]
    datasets = [node.outputs.dataset.dataset for node in nodes]
    coarse, fine = (np.array(dataset.frames[0].forces) for dataset in datasets)
    np.testing.assert_allclose(coarse, fine, atol=3e-3)
    np.testing.assert_allclose(fine.sum(axis=0), 0.0, atol=3e-3)
    assert np.abs(fine[0]).max() > 0.1
    (job,) = _jobs(nodes[0])
    assert {kind: pseudo.name for kind, pseudo in job.inputs.pseudos.items()} == {"I": "GTH-PBE-q7", "Na": "GTH-PBE-q1"}
    assert datasets[0].level_of_theory == "PBE SZV-MOLOPT-SR-GTH (Na TZVP-MOLOPT-PBE-GTH-q1) 200/40 Ry CP2K"


def test_the_builder_asks_only_for_what_there_is(cp2k_code):
    dataset = DatasetData(Dataset(tuple(_frames())))
    builder = LabelWorkChain.get_builder_from_protocol(cp2k_code, dataset, options={"max_wallclock_seconds": 60})
    assert builder.cp2k["metadata"]["options"]["max_wallclock_seconds"] == 60
    assert builder.level_of_theory.value == "PBE DZVP-MOLOPT-SR-GTH 400/40 Ry CP2K"
    again = LabelWorkChain.get_builder_from_protocol(cp2k_code, dataset)
    assert again.cp2k["basissets"]["I"].pk == builder.cp2k["basissets"]["I"].pk
    with pytest.raises(GaussianError, match=r"I has no SZV-MOLOPT-GTH in .*BASIS_MOLOPT"):
        LabelWorkChain.get_builder_from_protocol(cp2k_code, dataset, overrides={"basis": "SZV-MOLOPT-GTH"})
    with pytest.raises(ProtocolError, match="cutoff is missing"):
        LabelWorkChain.get_builder_from_protocol(cp2k_code, dataset, overrides={"cutoff": None})
    with pytest.raises(ProtocolError, match="'quick' is not one of xtb, fast, balanced, precise"):
        LabelWorkChain.get_builder_from_protocol(cp2k_code, dataset, protocol="quick")
