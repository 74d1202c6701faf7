"""State of the builds of the alert tables: events, snapshots of the rule set, and digests of each published file.

`live/history.sqlite`. Its write lock lets one build run at a time. If it is lost, the next build computes the same.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import msgspec
import zstandard

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.sqlite import connect, transaction
from sensor_platform.stream.alert_state import Event

_SCHEMA = "2"
_TABLES = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists events (
    key text primary key, alert_id text not null, is_score integer not null, upto integer not null,
    noticed_at integer not null, body blob not null
) without rowid;
create table if not exists snapshots (until integer primary key, body blob not null);
create table if not exists pieces (file text primary key, mtime integer not null, size integer not null) without rowid;
create table if not exists minutes (
    file text not null, minute integer not null, n integer not null, digest text not null, primary key (file, minute)
) without rowid;
"""

Minutes = Mapping[int, tuple[int, str]]
"""Minute of arrival (microseconds // 60e6) to the number of rows and their digest."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Identity of a published file's content: every change is a new file."""

    mtime: int
    size: int


@contextmanager
def open_store(home: Home) -> Iterator[sqlite3.Connection]:
    """Open the store in one transaction, which is rolled back if the block fails.

    Raises:
        Unreachable: another build has held the lock for more than a minute.
    """
    path = home.live / "history.sqlite"
    try:
        with closing(connect(path, busy_seconds=60.0, synchronous="full")) as connection:
            connection.executescript(_TABLES)
            with transaction(connection):
                if _meta(connection, "schema") != _SCHEMA:
                    discard_all(connection)
                yield connection
    except sqlite3.OperationalError as error:
        raise Unreachable(f"{path}: {error}", "another build of the alert tables may be running") from error


def get_meta(connection: sqlite3.Connection, key: str) -> str:
    """A stored value; empty if there is none."""
    return _meta(connection, key)


def set_meta(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Store a value."""
    connection.execute("insert or replace into meta values (?, ?)", (key, value))


def file_stamps(connection: sqlite3.Connection) -> dict[str, FileStamp]:
    """Published files, as recorded last."""
    return {name: FileStamp(mtime, size) for name, mtime, size in connection.execute("select * from pieces")}


def minute_digests(connection: sqlite3.Connection, file: str) -> dict[int, tuple[int, str]]:
    """Digests of a published file by minute, as recorded last."""
    rows = connection.execute("select minute, n, digest from minutes where file = ?", (file,))
    return {minute: (n, digest) for minute, n, digest in rows}


def record_file(connection: sqlite3.Connection, file: str, stamp: FileStamp, minutes: Minutes) -> None:
    """Record a published file as it is now."""
    connection.execute("insert or replace into pieces values (?, ?, ?)", (file, stamp.mtime, stamp.size))
    connection.execute("delete from minutes where file = ?", (file,))
    connection.executemany(
        "insert into minutes values (?, ?, ?, ?)", [(file, minute, *found) for minute, found in minutes.items()]
    )


def newest_snapshot(connection: sqlite3.Connection, before: int) -> tuple[int, bytes] | None:
    """The newest snapshot before an arrival time, and its own time; None if there is none."""
    row = connection.execute(
        "select until, body from snapshots where until < ? order by until desc limit 1", (before,)
    ).fetchone()
    return None if row is None else (int(row[0]), zstandard.decompress(row[1]))


def record_snapshot(connection: sqlite3.Connection, until: int, body: bytes) -> None:
    """Store a snapshot. The newest eight are kept, then one per hour for a day, then one per day for two weeks."""
    connection.execute("insert or replace into snapshots values (?, ?)", (until, zstandard.compress(body, 3)))
    found = [row[0] for row in connection.execute("select until from snapshots order by until desc")]
    kept = set(found[:8])
    for length, most in ((HOUR, 24), (DAY, 14)):
        by_span: dict[int, int] = {}
        for each in found:
            by_span.setdefault(each // length, each)
        kept |= {each for span, each in by_span.items() if span > until // length - most}
    connection.executemany("delete from snapshots where until = ?", [(each,) for each in found if each not in kept])


def discard_after(connection: sqlite3.Connection, until: int | None, oldest: int) -> None:
    """Discard what was built after a snapshot, or (None) after the oldest reading that is still published."""
    if until is None:
        connection.execute("delete from snapshots")
        connection.execute("delete from events where is_score = 0 and noticed_at >= ?", (oldest,))
        return
    connection.execute("delete from snapshots where until > ?", (until,))
    connection.execute("delete from events where is_score = 0 and upto > ?", (until,))


def discard_all(connection: sqlite3.Connection) -> None:
    """Discard everything that was built."""
    for table in ("events", "snapshots", "pieces", "minutes", "meta"):
        connection.execute(f"delete from {table}")  # noqa: S608 - our own names
    set_meta(connection, "schema", _SCHEMA)


def forget_events(connection: sqlite3.Connection, is_forgotten: Callable[[Event], bool]) -> int:
    """Delete events for good, and every snapshot, which may hold their series; returns the number of events.

    The next build begins with the oldest reading that is published; events of before that are kept.
    """
    gone = [event.key for event in read_events(connection) if is_forgotten(event)]
    connection.executemany("delete from events where key = ?", [(key,) for key in gone])
    connection.execute("delete from snapshots")
    connection.execute("delete from meta where key = 'until'")
    return len(gone)


def record_events(connection: sqlite3.Connection, events: Sequence[Event], upto: int, *, is_score: bool) -> None:
    """Store events without reminders, which depend on acknowledgements and not on the data."""
    connection.executemany(
        "insert or replace into events values (?, ?, ?, ?, ?, ?)",
        [
            (each.key, each.alert_id, is_score, upto, each.noticed_at, msgspec.json.encode(each))
            for each in events
            if each.kind != "reminder"
        ],
    )


def read_events(connection: sqlite3.Connection) -> list[Event]:
    """All events, in order of arrival."""
    rows = connection.execute("select body from events").fetchall()
    events = [msgspec.json.decode(body, type=Event) for (body,) in rows]
    return sorted(events, key=lambda each: (each.noticed_at, each.rule, each.device_id, each.metric, each.ordinal))


def _meta(connection: sqlite3.Connection, key: str) -> str:
    row = connection.execute("select value from meta where key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""
