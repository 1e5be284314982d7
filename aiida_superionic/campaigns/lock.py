"""One submitter at a time: a lock that vanishes with a crashed process."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from aiida.manage import get_manager
from aiida.manage.configuration import get_config
from aiida.storage.psql_dos.backend import PsqlDosBackend
from sqlalchemy import text


@contextmanager
def submission_lock() -> Iterator[None]:
    """Hold the submission lock of the loaded profile; wait for it as long as another process holds it.

    PostgreSQL serves several machines, so its lock is the database's own, held by a session; SQLite serves one, and
    its lock is on a file. Either is given back by the server or the kernel when the process ends, however it ends.
    """
    profile = get_manager().get_profile()
    storage = get_manager().get_profile_storage()
    # SqliteDosBackend derives from PsqlDosBackend, hence the exact type.
    if type(storage) is PsqlDosBackend:
        key = crc32(f"aiida-superionic {profile.name}".encode())
        with storage.get_session().get_bind().connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
    else:
        path = Path(get_config().dirpath) / "access" / f"superionic-{profile.name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
