"""How the ledger database is opened for writing and for reading. One of an earlier version is brought forward."""

import contextlib
import sqlite3
import uuid
from collections.abc import Iterator

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import connect, connect_to_read, transaction
from sensor_platform.kernel.store_format import refuse_newer
from sensor_platform.landing.ledger.migrations import is_current, migrate, stored_schema
from sensor_platform.landing.ledger.tables import SCHEMA

_BUSY_SECONDS = 60.0


@contextlib.contextmanager
def open_ledger(home: Home, *, busy_seconds: float = _BUSY_SECONDS) -> Iterator[sqlite3.Connection]:
    """A connection for writing, in autocommit; the ledger is created where there is none.

    Args:
        home: the data folder.
        busy_seconds: how long a statement waits for another process that writes.

    Raises:
        WrongUse: the ledger was written by a newer version.
        Unreachable: it cannot be opened or is damaged.
    """
    try:
        with contextlib.closing(connect(home.ledger_file, busy_seconds=busy_seconds, synchronous="full")) as connection:
            _create(connection, home)
            yield connection
    except sqlite3.DatabaseError as error:
        raise Unreachable(
            f"the ledger {home.ledger_file} failed: {error}",
            "check disk space and rights; rebuild a damaged ledger with `sensor-platform land --rebuild-ledger`",
        ) from error


@contextlib.contextmanager
def read_ledger(home: Home) -> Iterator[sqlite3.Connection | None]:
    """A read-only connection inside one transaction (all that is read is of one moment), or None without a ledger.

    Raises:
        WrongUse: the ledger was written by a newer version.
        Unreachable: it is of an earlier version and cannot be written.
    """
    if not home.ledger_file.exists():
        yield None
        return
    with contextlib.closing(connect_to_read(home.ledger_file, busy_seconds=_BUSY_SECONDS)) as connection:
        if stored_schema(connection) is not None and not is_current(connection):
            with open_ledger(home):  # of an earlier version: opening it for writing adds what is new
                pass
        _refuse_newer(connection, home)
        connection.execute("begin")
        yield connection if is_current(connection) else None


def refuse_newer_home(home: Home) -> None:
    """Check that no newer version of the platform has worked on the home. Settings ask it for every process.

    Raises:
        WrongUse: one has.
    """
    if home.ledger_file.exists():
        with (
            contextlib.suppress(sqlite3.Error),  # damage is for the command that reads the ledger to report
            contextlib.closing(connect_to_read(home.ledger_file, busy_seconds=_BUSY_SECONDS)) as connection,
        ):
            _refuse_newer(connection, home)


def new_generation(connection: sqlite3.Connection) -> None:
    """Start a new generation of positions: everything built from earlier ones becomes dirty."""
    connection.execute("insert or replace into meta (key, value) values ('generation', ?)", (uuid.uuid4().hex,))


def _create(connection: sqlite3.Connection, home: Home) -> None:
    _refuse_newer(connection, home)
    if not is_current(connection):  # a new ledger, or one of an earlier version
        with transaction(connection):
            migrate(connection)
            if not connection.execute("select 1 from meta where key = 'generation'").fetchone():
                new_generation(connection)


def _refuse_newer(connection: sqlite3.Connection, home: Home) -> None:
    schema = stored_schema(connection)
    if schema is not None:
        found = connection.execute("select value from meta where key = 'written_by'").fetchone()
        refuse_newer(f"the home {home.root}", schema, SCHEMA, found[0] if found else None)
