"""The ledger database: its tables, and how it is opened for writing and for reading."""

import contextlib
import re
import sqlite3
import uuid
from collections.abc import Iterator

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import connect, connect_to_read, transaction

SCHEMA = 1
_BUSY_SECONDS = 60.0

_TABLES = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists segments (
    segment text primary key, position integer not null unique, committed_at integer not null,
    contract_version text not null, messages integer not null, landed integer not null, quarantined integer not null,
    duplicate integer not null, readings integer not null, rejected_readings integer not null, newest_event_at integer
) without rowid;
create table if not exists files (
    file text primary key, segment text not null, kind text not null, rows integer not null, bytes integer not null,
    sha256 text not null, first_event_at integer, last_event_at integer, replaced_at integer
) without rowid;
create index if not exists files_of_segment on files (segment);
create table if not exists file_slots (
    slot_start integer not null, file text not null, rows integer not null, primary key (slot_start, file)
) without rowid;
create index if not exists slots_of_file on file_slots (file);
create table if not exists slots (slot_start integer primary key, position integer not null);
create index if not exists slots_by_position on slots (position);
create table if not exists counts (
    hour integer not null, device_id text not null, received integer not null, landed integer not null,
    quarantined integer not null, duplicate integer not null, rejected_readings integer not null,
    primary key (hour, device_id)
) without rowid;
create table if not exists arrivals (hour integer primary key, received integer not null);
create table if not exists damage (
    segment text not null, start integer not null, bytes integer not null, primary key (segment, start)
) without rowid;
create table if not exists imports (
    source text primary key, segment text not null, name text not null, rows integer not null,
    first_position integer not null
) without rowid;
create table if not exists drift (
    segment text not null, position integer not null, received_at integer not null, device_id text not null,
    metric text, what text not null, was text not null, now text not null
);
create index if not exists drift_of_segment on drift (segment);
create table if not exists births (node text primary key, content blob not null) without rowid;
create table if not exists kinds (
    device_id text not null, metric text not null, kinds integer not null, primary key (device_id, metric)
) without rowid;
create table if not exists warehouse_state (
    model text not null, window_start integer not null, generation text not null, position integer not null,
    primary key (model, window_start)
) without rowid;
create table if not exists sequences (
    hour integer not null, device_id text not null, first integer not null, last integer not null,
    primary key (hour, device_id, first)
) without rowid;
create table if not exists damaged_files (
    file text primary key, segment text not null, kind text not null, rows integer not null, found_at integer not null,
    what text not null, aside text not null, entry text not null
) without rowid;
create table if not exists held_slots (
    slot_start integer not null, file text not null, primary key (slot_start, file)
) without rowid;
create table if not exists late_frozen (
    segment text not null, slot_start integer not null, rows integer not null, primary key (segment, slot_start)
) without rowid;
create table if not exists verified (file text primary key, mtime integer not null, at integer not null) without rowid;
"""
TABLES = frozenset(re.findall(r"create table if not exists (\w+)", _TABLES))
"""Names of the tables. Only room `landing` names them in SQL; a test checks it."""
_NAMES = TABLES.union(re.findall(r"create index if not exists (\w+)", _TABLES))


@contextlib.contextmanager
def open_ledger(home: Home) -> Iterator[sqlite3.Connection]:
    """A connection for writing, in autocommit; the ledger is created where there is none.

    Raises:
        WrongUse: the ledger was written by a newer version.
        Unreachable: it cannot be opened or is damaged.
    """
    try:
        with contextlib.closing(
            connect(home.ledger_file, busy_seconds=_BUSY_SECONDS, synchronous="full")
        ) as connection:
            _create(connection, home)
            yield connection
    except sqlite3.DatabaseError as error:
        raise Unreachable(
            f"the ledger {home.ledger_file} failed: {error}",
            "check disk space and rights; rebuild a damaged ledger with `sensor-platform land --rebuild-ledger`",
        ) from error


@contextlib.contextmanager
def read_ledger(home: Home) -> Iterator[sqlite3.Connection | None]:
    """A read-only connection inside one transaction (all that is read is of one moment), or None without a ledger."""
    if not home.ledger_file.exists():
        yield None
        return
    with contextlib.closing(connect_to_read(home.ledger_file, busy_seconds=_BUSY_SECONDS)) as connection:
        if _names_of(connection) >= {"meta", "warehouse_state"} and not _is_complete(connection):
            with open_ledger(home):  # of an earlier version: opening it for writing adds what is new
                pass
        connection.execute("begin")
        yield connection if _is_complete(connection) else None


def new_generation(connection: sqlite3.Connection) -> None:
    """Start a new generation of positions: everything built from earlier ones becomes dirty."""
    connection.execute("insert or replace into meta (key, value) values ('generation', ?)", (uuid.uuid4().hex,))


def _create(connection: sqlite3.Connection, home: Home) -> None:
    if not _is_complete(connection):  # a new ledger, or one of an earlier version
        with transaction(connection):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute("insert or ignore into meta (key, value) values ('schema', ?)", (str(SCHEMA),))
            if not connection.execute("select 1 from meta where key = 'generation'").fetchone():
                new_generation(connection)
    schema = int(connection.execute("select value from meta where key = 'schema'").fetchone()[0])
    if schema > SCHEMA:
        raise WrongUse(
            f"{home.ledger_file} has schema {schema}, this version knows {SCHEMA}", "use the version that wrote it"
        )


def _is_complete(connection: sqlite3.Connection) -> bool:
    return _names_of(connection).issuperset(_NAMES)


def _names_of(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("select name from sqlite_master")}
