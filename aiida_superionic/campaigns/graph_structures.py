"""The structures that a campaign file names, read from files and the graph."""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from ase import Atoms

from aiida_superionic.calculations.lammps import check_formal_charges
from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.structure_spec import OwnStructure, ReferenceStructure, StructureQuery
from aiida_superionic.campaigns.values import fault
from aiida_superionic.data.contents import NodeError, node_of, remember, stored_with
from aiida_superionic.structures.files import check_structure, content_of, formula_of, read_structure
from aiida_superionic.structures.supercell import StructureError

_MOST_FOUND = 1000


def crystals_of(entry: ReferenceStructure | OwnStructure, folder: Path) -> list[Crystal]:
    """Return the structures that an entry of a campaign file names, each once.

    Parameters
    ----------
    entry
        What the file says.
    folder
        Where paths of files begin.

    Returns
    -------
    list of Crystal
        What a query finds is in the order of labels and, among equal ones, of UUIDs.

    Raises
    ------
    pydantic_core.PydanticCustomError
        The fault, if one is not there or nothing can start from it.
    """
    if isinstance(entry, ReferenceStructure):
        return [Crystal.of_reference(entry)]
    found: dict[str, Crystal] = {}
    for place, atoms, node in _atoms_of(entry, folder):
        if strange := sorted(set(entry.mobile) - set(atoms.get_chemical_symbols())):
            raise fault(f"{place} holds no {', '.join(strange)}; write what diffuses in it", "mobile")
        if set(entry.mobile) == set(atoms.get_chemical_symbols()):
            raise fault(f"{place} holds nothing but {', '.join(entry.mobile)}; write what diffuses in it", "mobile")
        try:
            check_formal_charges(entry.formal_charges, orm.StructureData(ase=atoms))
        except ValueError as error:
            raise fault(f"{place}: {error}; write those of {formula_of(atoms)}", "formal_charges") from None
        found.setdefault(content_of(atoms), Crystal.of_atoms(entry, atoms, node))
    return list(found.values())


def structure_with(content: str) -> orm.StructureData | None:
    """Return the node of a structure that is known by its content; None where there is none yet."""
    return stored_with(orm.StructureData, content)


def ensure_structure(crystal: Crystal) -> orm.StructureData:
    """Return the node of a structure, made if there is none of its content."""
    content = crystal.said["structure"]
    if (node := structure_with(content)) is not None:
        return node
    own = orm.StructureData(ase=crystal.cell) if crystal.node is None else orm.load_node(crystal.node)
    return remember(own, content, label=crystal.name)


def atoms_of_node(node: orm.StructureData) -> Atoms:
    """Return the atoms of a structure of the graph.

    Raises
    ------
    StructureError
        If nothing can start from it.
    """
    if node.is_alloy or node.has_vacancies:
        raise StructureError("its sites are partly filled; it must be ordered")
    atoms = node.get_ase()
    plain = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell[:], pbc=atoms.pbc)
    check_structure(plain)
    return plain


def _atoms_of(entry: OwnStructure, folder: Path) -> list[tuple[str, Atoms, str | None]]:
    if entry.file is not None:
        try:
            return [(entry.file, read_structure(folder / entry.file), None)]
        except StructureError as error:
            raise fault(f"{error}; give a file of one ordered crystal", "file") from None
    if entry.node is not None:
        try:
            node = node_of(orm.StructureData, entry.node)
        except NodeError as error:
            raise fault(f"{error}; `verdi node search` and `structure import` tell them", "node") from None
        return [(f"the structure {entry.node}", _checked(node, "node"), node.uuid)]
    assert entry.query is not None  # noqa: S101 - one of the three is given
    nodes = _found(entry.query)
    return [(f"the structure {node.pk}", _checked(node, "query"), node.uuid) for node in nodes]


def _checked(node: orm.StructureData, key: str) -> Atoms:
    try:
        return atoms_of_node(node)
    except StructureError as error:
        raise fault(f"nothing can start from the structure {node.pk}: {error}; name another", key) from None


def _found(asked: StructureQuery) -> list[orm.StructureData]:
    query = orm.QueryBuilder()
    if asked.group is not None:
        query.append(orm.Group, filters={"label": asked.group}, tag="group")
    filters = {} if asked.label is None else {"label": {"like": _pattern(asked.label)}}
    query.append(
        orm.StructureData, filters=filters, tag="node", **({"with_group": "group"} if asked.group is not None else {})
    )
    wanted = None if asked.elements is None else set(asked.elements)
    nodes = [node for node in query.distinct().all(flat=True) if wanted is None or node.get_symbols_set() == wanted]
    if not nodes:
        raise fault("no structure of the graph fits the query; look with: verdi group show, verdi node show", "query")
    if len(nodes) > _MOST_FOUND:
        raise fault(f"{len(nodes)} structures fit the query; put at most {_MOST_FOUND} into a group", "query")
    return sorted(nodes, key=lambda node: (node.label, node.uuid))


def _pattern(label: str) -> str:
    for special in ("\\", "%", "_"):
        label = label.replace(special, f"\\{special}")
    return label.replace("*", "%")
