"""SQLite as every store of the platform uses it: autocommit, a write-ahead log, and transactions that lock at once."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal


def connect(
    path: Path,
    *,
    busy_seconds: float,
    synchronous: Literal["full", "normal"],
    any_thread: bool = False,
) -> sqlite3.Connection:
    """A connection for writing, in autocommit; file and folder are created where they are missing.

    Args:
        path: the database file.
        busy_seconds: how long a statement waits for another process that writes.
        synchronous: `full` makes each commit durable; with `normal` a power cut may undo the newest commits.
        any_thread: whether another thread than the one that opened it may use it.

    Raises:
        sqlite3.DatabaseError: it cannot be opened (OperationalError) or is not a database.
        OSError: the folder cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=busy_seconds, check_same_thread=not any_thread)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"pragma synchronous = {synchronous}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """A read-only connection in autocommit.

    Raises:
        sqlite3.OperationalError: there is no such file, or it cannot be read.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=busy_seconds)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the body writes, all or nothing. The write lock is taken at the start, so that no upgrade can fail.

    Raises:
        sqlite3.OperationalError: another process kept the write lock for too long, or the commit failed.
    """
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # A full disk may have rolled it back already, or fail the rollback too: the first error is the one to show.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise
