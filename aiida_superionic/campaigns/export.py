"""A campaign as a file that others can read: with its whole provenance, or its numbers alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.log import override_log_level
from aiida.tools.archive import create_archive
from aiida.tools.archive.exceptions import ArchiveExportError

from aiida_superionic.campaigns.attempts import PointStatus, State
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.campaigns.point_table import csv_text, json_text, write_parquet
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.errors import SuperionicError

ARCHIVE = ".aiida"


class ExportError(SuperionicError):
    """A campaign that cannot be exported as asked."""


def export_campaign(path: Path, name: str, statuses: Sequence[PointStatus]) -> int:
    """Write a campaign to a file of the kind that its ending says, and return how many points are in it.

    Parameters
    ----------
    path
        ``.aiida`` for an archive that another profile imports: the group with its points, the attempts that count and
        have ended, and everything that they were made from and made; of files on other machines only where they are.
        ``.csv``, ``.json`` or ``.parquet`` for every number of every point.
    name
        Of the campaign.
    statuses
        Where its points stand.

    Raises
    ------
    ExportError
        If the ending is none of these, nothing has run, or the file cannot be written.
    MissingPackageError
        If Parquet is asked for and pyarrow is not installed.
    """
    writers: dict[str, Callable[[], int]] = {
        ARCHIVE: lambda: _write_archive(path, name, statuses),
        ".csv": lambda: _write_table(path, statuses),
        ".json": lambda: _write_table(path, statuses),
        ".parquet": lambda: _write_table(path, statuses),
    }
    if path.suffix not in writers:
        raise ExportError(f"{path.name} does not say what to write; let it end in {' or '.join(writers)}")
    try:
        return writers[path.suffix]()
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from None


def _write_archive(path: Path, name: str, statuses: Sequence[PointStatus]) -> int:
    ended = {State.FINISHED, State.FAILED}
    attempts = [status.attempt.pk for status in statuses if status.attempt and status.state in ended]
    if not attempts:
        raise ExportError(f"no point of {name} has run to its end; there is nothing to export")
    entities = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": attempts}}).all(flat=True)
    with suppress(NotExistent):  # its points may have been run by other campaigns
        entities.append(CampaignGroup.collection.get(label=name))
    try:
        with override_log_level(logging.WARNING):  # it would tell what it does on the standard output
            create_archive(entities, filename=path, overwrite=True)
    except ArchiveExportError as error:
        raise ExportError(f"{path} cannot be written: {error}") from None
    return len(attempts)


def _write_table(path: Path, statuses: Sequence[PointStatus]) -> int:
    points = collect_results(statuses, with_curves=False)
    if path.suffix == ".parquet":
        write_parquet(path, points)
    else:
        path.write_text((csv_text if path.suffix == ".csv" else json_text)(points), encoding="utf-8")
    return len(points)
