"""One submitter at a time: a lock that vanishes with a crashed process."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from aiida.manage import get_manager
from aiida.manage.configuration import get_config
from aiida.storage.psql_dos.backend import PsqlDosBackend
from sqlalchemy import text

_KEY = crc32(b"aiida-superionic")
# A machine that vanished from the network never closes its connection; the server looks after it.
_KEEPALIVE = "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"


@contextmanager
def submission_lock() -> Iterator[Callable[[], None]]:
    """Hold the submission lock of the loaded profile's database; wait for it as long as another process holds it.

    PostgreSQL serves several machines, so its lock is the database's own, held by a session; SQLite serves one, and
    its lock is on a file. Either is given back by the server or the kernel when the process ends, however it ends.

    Yields
    ------
    callable
        Raises an ``OperationalError`` when the lock was lost: a database that was restarted holds none, and AiiDA's
        own connections are made anew without a word.
    """
    storage = get_manager().get_profile_storage()
    # SqliteDosBackend derives from PsqlDosBackend, hence the exact type.
    if type(storage) is PsqlDosBackend:
        with storage.get_session().get_bind().connect() as connection:
            # No transaction stays open meanwhile, and closing the connection ends the session and with it the lock.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            connection.execute(text(_KEEPALIVE))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})
            yield lambda: connection.execute(text("SELECT 1"))
    else:
        path = Path(get_config().dirpath) / "access" / f"superionic-{get_manager().get_profile().name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield lambda: None
