"""``dataset``: labelled frames, from a file to subsets and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.params import types

from aiida_superionic.cli.errors import UserError, tells_user_errors
from aiida_superionic.cli.root import cmd_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiida_superionic.data.dataset import DatasetData

DATASET = types.DataParamType(sub_classes=("aiida.data:superionic.dataset",))
LABEL = click.option("--label", default="", help="Label of the new node.")


@cmd_root.group("dataset")
def cmd_dataset() -> None:
    """Keep labelled frames: import, look at, divide, join, choose and export them.

    A DATASET is given by its PK, UUID or label.
    """


@cmd_dataset.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--level-of-theory", help="What labelled the frames, such as 'PBE PAW 520 eV VASP'.")
@click.option("--source", default="", help="DOI of the data, or another reference.")
@click.option("--licence", default="", help="Licence of the data, such as CC-BY-4.0.")
@click.option(
    "--units",
    "units",
    default="",
    help="Such as length=Angstrom,energy=eV,force=eV/Angstrom,stress=GPa; of what the file holds.",
)
@click.option("--temperature", type=float, help="Of the run that the frames come from, K.")
@click.option("--keys", default="", help="What the file calls its labels, such as energy=dft_energy,forces=dft_forces.")
@click.option("--unlabelled", is_flag=True, help="Leave out energies, forces and stresses.")
@LABEL
@tells_user_errors
def cmd_import(file: Path, label: str, units: str, keys: str, **said: Any) -> None:
    """Import FILE of extended XYZ; what it says itself need not be said once more.

    A stress is positive under tension, as ASE writes it.
    """
    import io

    from aiida import orm

    from aiida_superionic.calculations.datasets import import_dataset
    from aiida_superionic.datasets.declared_units import parse_units
    from aiida_superionic.datasets.extxyz import Declared, read_extxyz

    try:
        content = file.read_bytes()
        text = content.decode()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UserError(f"{file} cannot be read: {reason}") from None
    declared = {**said, "units": parse_units(units), "keys": _pairs(keys)}
    # Before anything is stored.
    read_extxyz(text, file.name, Declared(**declared))
    node = orm.SinglefileData(io.BytesIO(content), filename=file.name)
    _say(_make(import_dataset, {"file": node, "declared": orm.Dict(declared)}, label))


@cmd_dataset.command("show")
@click.argument("dataset", type=DATASET)
@tells_user_errors
def cmd_show(dataset: DatasetData) -> None:
    """Show what DATASET holds, and how many configurations it holds twice."""
    from rich.console import Console

    from aiida_superionic.nodes.show import tables_of

    for table in tables_of(dataset):
        Console(markup=False).print(table)


@cmd_dataset.command("split")
@click.argument("dataset", type=DATASET)
@click.option("--train", type=click.IntRange(min=0), help="Frames to train on.")
@click.option("--validation", type=click.IntRange(min=0), help="Frames to choose the model by.")
@click.option("--test", type=click.IntRange(min=0), help="Frames to judge the model by.")
@click.option("--seed", type=int, required=True, help="Of the draw.")
@LABEL
@tells_user_errors
def cmd_split(dataset: DatasetData, seed: int, label: str, **sizes: int | None) -> None:
    """Draw the frames of DATASET into three subsets.

    Without sizes all frames are divided as 2000 to 1000 to 600.
    """
    from aiida import orm

    from aiida_superionic.calculations.datasets import split_dataset
    from aiida_superionic.datasets.division import proportional_sizes

    given = {name: size for name, size in sizes.items() if size is not None}
    drawn = given or proportional_sizes(dataset.base.attributes.get("n_frames"))
    inputs = {"dataset": dataset, "sizes": orm.Dict(drawn), "seed": orm.Int(seed)}
    _say(_make(split_dataset, inputs, label))


@cmd_dataset.command("merge")
@click.argument("datasets", type=DATASET, nargs=-1, required=True, metavar="DATASET...")
@LABEL
@tells_user_errors
def cmd_merge(datasets: tuple[DatasetData, ...], label: str) -> None:
    """Join DATASETs of one level of theory; a configuration that is there twice is kept where it comes first."""
    from aiida_superionic.calculations.datasets import merge_datasets

    width = len(str(len(datasets)))
    inputs = {f"dataset_{number:0{width}d}": node for number, node in enumerate(datasets)}
    merged = _make(merge_datasets, inputs, label)
    before = sum(node.base.attributes.get("n_frames") for node in datasets)
    _say(merged)
    click.echo(f"{before - merged.base.attributes.get('n_frames')} repeated frames left out")


@cmd_dataset.command("select")
@click.argument("dataset", type=DATASET)
@click.option(
    "--method",
    type=click.Choice(["uniform", "farthest-point", "temperature"]),
    required=True,
    help="Evenly spaced; as different as possible; or as many of each temperature.",
)
@click.option("--frames", "n_frames", type=click.IntRange(min=1), required=True, help="How many.")
@LABEL
@tells_user_errors
def cmd_select(dataset: DatasetData, method: str, n_frames: int, label: str) -> None:
    """Choose some frames of DATASET."""
    from aiida import orm

    from aiida_superionic.calculations.datasets import select_frames

    inputs = {"dataset": dataset, "method": orm.Str(method), "n_frames": orm.Int(n_frames)}
    _say(_make(select_frames, inputs, label))


@cmd_dataset.command("export")
@click.argument("dataset", type=DATASET)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--subset", type=click.Choice(["train", "validation", "test"]), help="Only this one.")
@tells_user_errors
def cmd_export(dataset: DatasetData, file: Path, subset: str | None) -> None:
    """Write the frames of DATASET to FILE as extended XYZ that says its units, level of theory and sources."""
    from aiida_superionic.datasets.extxyz import write_extxyz

    text = write_extxyz(dataset.dataset.subset(subset)) if subset else dataset.text
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise UserError(f"{file} is there already") from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"written to {file}")


def _make(function: Callable[..., Any], inputs: Mapping[str, Any], label: str) -> DatasetData:
    """Return the dataset that a step on the graph makes, or tell why it makes none."""
    made, process = function.run_get_node(**inputs)  # type: ignore[attr-defined]
    if not process.is_finished_ok:
        raise UserError(process.exit_message)
    made.label = label
    dataset: DatasetData = made
    return dataset


def _say(dataset: DatasetData) -> None:
    about = dataset.base.attributes.all
    split = f", {_sizes(about['split'])}" if any(about["split"].values()) else ""
    click.echo(f"dataset {dataset.pk}: {about['n_frames']} frames of {', '.join(about['formulas'])}{split}")


def _sizes(split: Mapping[str, int]) -> str:
    from aiida_superionic.datasets import SUBSETS

    return ", ".join(f"{split[name]} {name}" for name in SUBSETS) if any(split.values()) else "none"


def _pairs(text: str) -> dict[str, str]:
    items = [item.partition("=") for item in text.replace(",", " ").split()]
    return {name: key for name, _, key in items}
