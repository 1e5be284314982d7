"""Jobs whose folder holds results that never come home."""

from __future__ import annotations

from aiida import orm

from aiida_superionic.calculations.usage import MeasuredCalcJob


class KeepingCalcJob(MeasuredCalcJob):
    """A job that is no valid cache once its folder was cleaned."""

    @classmethod
    def is_valid_cache(cls, node: orm.CalcJobNode) -> bool:
        """Refuse as a cache a job whose folder was cleaned: its trajectory and checkpoint are gone."""
        if not super().is_valid_cache(node):
            return False
        # A job that was itself taken from a cache shares the folder of its source, and only one of them is marked.
        folder = node.outputs.remote_folder
        marked = {
            "attributes.remote_path": folder.get_remote_path(),
            f"extras.{orm.RemoteData.KEY_EXTRA_CLEANED}": True,
        }
        query = orm.QueryBuilder().append(orm.Computer, filters={"uuid": folder.computer.uuid}, tag="computer")
        cleaned: int = query.append(orm.RemoteData, with_computer="computer", filters=marked).count()
        return cleaned == 0
