"""Structures and potentials of one's own: files and nodes, known by their content, brought in and named."""

import numpy as np
import pytest
from aiida import orm
from ase import Atoms
from ase.build import bulk
from ase.io import write

from aiida_superionic.campaigns import apply as module
from aiida_superionic.campaigns import builders
from aiida_superionic.campaigns.document import CampaignFileError
from aiida_superionic.campaigns.points import expand, expansion
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.contents import CONTENT_EXTRA, remember
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import PotentialError, parse_potential, potentials
from aiida_superionic.potentials.files import read_potential
from aiida_superionic.structures import materials
from aiida_superionic.structures.files import content_of, read_structure
from aiida_superionic.structures.orientations import StructureError
from aiida_superionic.structures.supercell import make_supercell

FILE = """\
campaign: own
structure:
  {source}
  mobile: [Ag]
  formal_charges: {{Ag: 1, I: -1}}
  supercell: [2, 2, 2]
potentials: [{potential}]
temperatures: [700]
constraints: [UC]
replicas: 1
observables: [diffusion]
"""


@pytest.fixture
def silver(agi):
    """Return a cell of α-AgI with atoms where no symmetry puts them, and numbers that are not short."""
    atoms = agi((1, 1, 1))
    atoms.rattle(0.01, seed=3)
    return atoms


@pytest.fixture
def load(tmp_path, aiida_profile_clean):
    def load(source="file: silver.cif", potential="vashishta-rahman", **replaced):
        text = FILE.format(source=source, potential=potential)
        for old, new in replaced.items():
            assert f"{old}:" in text
            text = "".join(
                f"{line.partition(old)[0]}{old}: {new}\n" if line.strip().startswith(f"{old}:") else line
                for line in text.splitlines(keepends=True)
            )
        path = tmp_path / "own.yaml"
        path.write_text(text)
        return load_campaign(path)

    return load


@pytest.fixture
def told(load):
    def told(*args, **replaced):
        with pytest.raises(CampaignFileError) as error:
            expand(load(*args, **replaced))
        return [f"line {problem.line}: {problem.sentence}" for problem in error.value.problems]

    return told


def stored():
    return orm.QueryBuilder().append(orm.Node).count()


class TestContent:
    @pytest.mark.parametrize("suffix", ["cif", "xyz", "vasp"])
    def test_is_that_of_the_node_that_is_made_of_a_file(self, silver, tmp_path, aiida_profile_clean, suffix):
        path = tmp_path / f"silver.{suffix}"
        write(path, silver, format="extxyz" if suffix == "xyz" else None)
        atoms = read_structure(path)
        node = orm.load_node(orm.StructureData(ase=atoms).store().uuid)
        assert content_of(node.get_ase()) == content_of(atoms)
        assert np.allclose(atoms.get_all_distances(mic=True), silver.get_all_distances(mic=True), atol=1e-4)

    @pytest.mark.parametrize("change", ["position", "cell", "species", "order"])
    def test_differs_where_the_structure_does(self, silver, change):
        other = silver.copy()
        if change == "position":
            other.positions[0, 0] += 1e-6
        elif change == "cell":
            other.set_cell(other.cell[:] * 1.000001)
        elif change == "species":
            other.symbols[0] = "Cu"
        else:
            other = other[::-1]
        assert content_of(other) != content_of(silver)

    def test_of_a_potential_is_that_of_its_forces(self):
        text = potentials()["vashishta-rahman"]
        same = parse_potential(text.replace("as used in", "used in") + "\n# a comment\n")
        assert same.content == parse_potential(text).content
        assert parse_potential(text.replace("0.014804", "0.014805")).content != same.content


class TestFileOfAStructure:
    def test_makes_points_and_stores_nothing(self, load, silver, tmp_path):
        write(tmp_path / "silver.cif", silver)
        before = stored()
        (point,) = expand(load())
        assert stored() == before
        assert (point.material, point.supercell, point.mobile) == ("AgI", (2, 2, 2), ("Ag",))
        assert point.structure == content_of(read_structure(tmp_path / "silver.cif"))
        assert point.label.startswith(f"AgI {point.structure[:8]} 2x2x2 · vashishta-rahman")
        # The same crystal under another name, and from the graph, is the same point.
        write(tmp_path / "other.cif", silver)
        assert expand(load("file: other.cif"))[0].hash == point.hash
        node = remember(orm.StructureData(ase=read_structure(tmp_path / "other.cif")), point.structure, "mine")
        for name in ("mine", node.uuid, node.pk):
            assert expand(load(f"node: {name}"))[0].hash == point.hash
        assert expand(load(supercell="[1, 1, 1]"))[0].hash != point.hash
        assert expand(load(formal_charges="{Ag: 1}"))[0].hash != point.hash

    def test_becomes_one_node_when_it_is_applied(self, load, silver, tmp_path):
        write(tmp_path / "silver.cif", silver)
        asked = expansion(load())
        (point,) = asked.points
        with pytest.raises(builders.SourceError, match="the graph holds no structure with the content"):
            builders.structure_of(point.model_dump(), 1)
        for _ in range(2):
            module._store_sources(asked)
        structure = builders.structure_of(point.model_dump(), 1)
        assert builders.structure_of(point.model_dump(), 2).uuid == structure.uuid
        assert structure.get_formula() == "Ag16I16"
        assert orm.QueryBuilder().append(orm.StructureData).count() == 2  # the cell and its repeats
        assert structure.creator.inputs.structure.base.extras.get(CONTENT_EXTRA) == point.structure

    def test_has_polyanions_and_routine_observables_of_its_own(self, load, tmp_path, aiida_profile_clean):
        phosphate = make_supercell(materials()["gamma-Na3PO4"], (1, 1, 1), 1)
        write(tmp_path / "phosphate.vasp", phosphate)
        changes = {"mobile": "[Na]", "formal_charges": "{Na: 1}", "constraints": "[UC, RC]"}
        free, held = expand(load("file: phosphate.vasp", "pedone", **changes))
        assert (free.constraint, held.constraint) == ("UC", "RC")
        text = (tmp_path / "own.yaml").read_text()
        (tmp_path / "own.yaml").write_text(text.replace("observables: [diffusion]\n", ""))
        names = set(expand(load_campaign(tmp_path / "own.yaml"))[0].observables)
        assert {"reorientations", "conductivity"} <= names
        assert "jumps" not in names  # its sites are not known

    @pytest.mark.parametrize(
        ("replaced", "line", "sentence"),
        [
            ({"mobile": "[Li]"}, 4, "silver.cif holds no Li; write what diffuses in it"),
            ({"mobile": "[Ag, I]"}, 4, "silver.cif holds nothing but Ag, I; write what diffuses"),
            ({"formal_charges": "{Ag: 1, I: -2}"}, 5, "the formal charges of the structure add up to -2 e"),
            ({"formal_charges": "{Na: 1}"}, 5, "formal charges of Na where the structure holds"),
            ({"constraints": "[RC]"}, 9, "AgI: the structure holds no polyanions"),
            ({"observables": "[reorientations]"}, 11, "reorientations needs polyanions, which the dynamics of AgI"),
        ],
    )
    def test_is_refused_where_it_does_not_fit(self, told, silver, tmp_path, replaced, line, sentence):
        write(tmp_path / "silver.cif", silver)
        (message,) = told(**replaced)
        assert message.startswith(f"line {line}: ")
        assert sentence in message

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("absent.cif", None, "cannot be read: No such file or directory; give a file of one ordered crystal"),
            ("silver.cif", "data_x\n_cell_length_a 5\n", "silver.cif"),
            ("silver.cif", "\x00\x01", "silver.cif"),
            ("silver.xyz", "1\nno cell\nAg 0 0 0\n", "it has no cell that repeats along three vectors"),
            ("silver.xyz", '1\nLattice="5 0 0 0 5 0 0 0 5"\nAg 0 0 0\n' * 2, "holds 2 structures and not one"),
            ("silver.xyz", '2\nLattice="5 0 0 0 5 0 0 0 5"\nAg 0 0 0\nI 0 0 5\n', "are 0 Å apart; one of them"),
            ("silver.xyz", '1\nLattice="5 0 0 0 5 0 0 0 1e-3"\nAg 0 0 0\n', "are too dense"),
            ("silver.xyz", '1\nLattice="5 0 0 0 5 0 0 0 5"\nAg 0 0 nan\n', "is not a number"),
        ],
    )
    def test_that_is_none_is_refused(self, told, tmp_path, name, content, sentence):
        if content is not None:
            (tmp_path / name).write_text(content)
        (message,) = told(f"file: {name}")
        assert message.startswith("line 3: ")
        assert sentence in message

    def test_of_a_disordered_crystal_is_refused(self, tmp_path):
        half = bulk("Ag")
        half.info["occupancy"] = {"0": {"Ag": 0.5}}
        half.set_array("spacegroup_kinds", np.array([0]))
        write(tmp_path / "half.cif", half)
        with pytest.raises(StructureError, match="fills a site with 0[.]5 Ag; it must be ordered"):
            read_structure(tmp_path / "half.cif")


class TestQuery:
    @pytest.fixture
    def nodes(self, silver, aiida_profile_clean):
        group = orm.Group("candidates").store()
        nodes = []
        for number, label in enumerate(("b", "a", "a", "other")):
            atoms = silver.copy()
            atoms.positions[0] += 0.01 * number
            node = orm.StructureData(ase=atoms)
            node.label = label
            nodes.append(node.store())
        copper = orm.StructureData(ase=Atoms("CuI", positions=[[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)).store()
        group.add_nodes([*nodes[:3], copper])
        return nodes

    def test_finds_what_fits_in_the_order_of_labels(self, load, nodes):
        points = expand(load("query: {group: candidates, elements: [Ag, I]}"))
        wanted = sorted(nodes[:3], key=lambda node: (node.label, node.uuid))
        assert [point.structure for point in points] == [content_of(node.get_ase()) for node in wanted]
        assert len(expand(load("query: {elements: [I, Ag]}"))) == 4
        assert len(expand(load("query: {label: 'a*'}"))) == 2
        assert len(expand(load("query: {label: '*', elements: [Ag, I]}"))) == 4

    def test_that_finds_nothing_is_refused(self, told, nodes):
        for query in ("{group: none}", "{label: '_'}", "{elements: [Ag]}"):
            assert told(f"query: {query}")[0].startswith("line 3: no structure of the graph fits the query; look")

    def test_that_finds_another_material_is_refused(self, told, nodes):
        assert "holds no Ag" in told("query: {group: candidates}")[0]


class TestPotential:
    def test_of_the_graph_makes_points_by_its_content(self, load, silver, tmp_path):
        write(tmp_path / "silver.cif", silver)
        node = PotentialData(potentials()["vashishta-rahman"])
        node.label = "mine"
        node.store()
        asked = expansion(load(potential="{node: mine}"))
        (point,) = asked.points
        assert point.potential == "pair-functions"
        assert point.potential_content == node.potential.content
        assert point.label.split(" · ")[1] == f"pair-functions {point.potential_content[:8]}"
        module._store_sources(asked)
        assert builders._forces(point).uuid == node.uuid
        # The shipped one of the same content is known by its name: an old point keeps its hash.
        assert expand(load())[0].hash != point.hash

    @pytest.mark.parametrize(
        ("potential", "sentence"),
        [
            ("{node: none}", "no PotentialData has the PK, UUID or label 'none'; bring it in with: aiida-superionic"),
            ("{node: 0}", "potentials.node: 0 is not valid; write the UUID, PK or label of a potential"),
            (
                "{node: phosphates}",
                "the potential describes Li, Na, P, O and the structure holds Ag, I; name a potential",
            ),
            ("{nod: x}", "{'nod': 'x'} is no potential; write its name, or one of node, train, learn"),
            ("{node: x, train: {}}", "node and train are given where one is enough; keep one of them"),
            ("5", "potentials: 5 is not valid; write a list of names of potentials"),
        ],
    )
    def test_that_cannot_be_used_is_refused(self, told, silver, tmp_path, potential, sentence):
        write(tmp_path / "silver.cif", silver)
        node = PotentialData(potentials()["pedone"])
        node.label = "phosphates"
        node.store()
        messages = told(potential=potential)
        assert messages == [messages[0]]
        assert messages[0].startswith("line 7: ")
        assert sentence in messages[0]


class TestFilesOfAPotential:
    @pytest.fixture
    def pod(self, tmp_path):
        from aiida_superionic.potentials.pod import Pod, PodBasis

        basis = PodBasis(species=("Li", "S"), two_body_functions=2, three_body_functions=1)
        values = np.linspace(-1.0, 1.0, basis.n_coefficients)
        return Pod(description="d", source="s", basis=basis, coefficients=tuple(values.tolist()))

    def test_of_lammps_are_the_potential_that_wrote_them(self, pod, tmp_path):
        paths = []
        for name, content in pod.lammps(["Li", "S"], 8).files.items():
            (tmp_path / name).write_text(content)
            paths.append(tmp_path / name)
        read = read_potential(paths[::-1], units="metal", source="a test", species=["Li", "S"])
        assert read.content == pod.content
        with pytest.raises(PotentialError, match="the species in the files are Li, S, in this order; S, Li were given"):
            read_potential(paths, units="metal", source="a test", species=["S", "Li"])
        with pytest.raises(PotentialError, match="the units are real; potentials are in eV and Å"):
            read_potential(paths, units="real", source="a test")
        with pytest.raises(PotentialError, match="the units are not said"):
            read_potential(paths, source="a test")
        with pytest.raises(PotentialError, match="where the parameters come from"):
            read_potential(paths, units="metal")
        paths[0].write_text(paths[0].read_text().replace("fourbody_angular_degree 0", "fourbody_angular_degree 3"))
        with pytest.raises(PotentialError, match="has fourbody_angular_degree 3; only 0 is run"):
            read_potential(paths, units="metal", source="a test")

    def test_of_deepmd_and_nequip_say_their_species(self, tmp_path):
        import json
        import zipfile

        model = tmp_path / "model.pb"
        model.write_bytes(
            b"...\x0fmodel_attr/tmap\x12\x05Const*\x15\n\x05value\x12\x0cB\n\x08\x07\x12\x00B\x04Ag I*\x0b\n"
        )
        read = read_potential([model], units="metal", source="a test")
        assert (read.family, read.species) == ("deepmd", ("Ag", "I"))
        compiled = tmp_path / "model.nequip.pt2"
        with zipfile.ZipFile(compiled, "w") as archive:
            archive.writestr("x/wrapper_metadata.json", json.dumps({"type_names": "I Ag", "r_max": "5.0"}))
        read = read_potential([compiled], units="metal", source="a test", target="pair_nequip")
        assert (read.family, read.species, read.target) == ("nequip", ("I", "Ag"), "pair_nequip")
        for path in (model, compiled):
            path.write_bytes(b"nothing")
            with pytest.raises(PotentialError, match=path.name):
                read_potential([path], units="metal", source="a test")

    def test_of_this_package_have_their_units(self, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text(potentials()["pedone"])
        assert read_potential([path], species=["Li", "Na", "P", "O"]).family == "pair-functions"
        path.write_text("5")
        with pytest.raises(PotentialError, match="the potential's family is None"):
            read_potential([path])
        unknown = tmp_path / "own.pth"
        unknown.write_text("x")
        with pytest.raises(PotentialError, match="is no potential that is known"):
            read_potential([unknown], units="metal", source="x")
