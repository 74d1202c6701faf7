"""Stores labels (ground truth) of device, metric and time span, for training and for backtests.

No label is lost: a label that is replaced or removed moves to the table `superseded`.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace

from sensor_platform.errors import CheckFailed, Missing, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import connect, transaction

_TABLES = (
    """
    create table if not exists labels (
        label_id text primary key, device_id text, metric text, start_at integer, end_at integer, label text,
        source text, note text, created_at integer
    ) without rowid
    """,
    """
    create table if not exists superseded (
        label_id text, device_id text, metric text, start_at integer, end_at integer, label text,
        source text, note text, created_at integer, superseded_at integer
    )
    """,
)
_LATEST = 7_258_118_399_999_999
"""The end of 2199: a later time was written in another unit, and does not fit into the tables."""
_COLUMNS = "label_id, device_id, metric, start_at, end_at, label, source, note, created_at"


@dataclass(frozen=True, slots=True)
class Label:
    """One label. A label with the same `label_id` replaces it."""

    label_id: str
    device_id: str
    metric: str
    """Empty for the device as a whole."""
    start_at: int
    """Microseconds since the epoch, UTC, as all times here."""
    end_at: int
    label: str
    """`confirmed` or `rejected` for alerts, otherwise the class or event that a model learns."""
    source: str
    """Origin of the label, for instance `alert:<alert id>`."""
    note: str
    created_at: int


@dataclass(frozen=True, slots=True)
class LabelVersion:
    """A label with the time until which it was in force; `superseded_at` is None while it is in force."""

    label: Label
    superseded_at: int | None


@contextlib.contextmanager
def open_labels(home: Home) -> Iterator[sqlite3.Connection]:
    """A connection in autocommit; the file is created where there is none.

    Raises:
        Unreachable: it cannot be written now.
        CheckFailed: the file is not a database any more.
    """
    file = home.labels_file
    try:
        with contextlib.closing(connect(file, busy_seconds=10.0, synchronous="full")) as connection:
            for table in _TABLES:
                connection.execute(table)
            yield connection
    except (sqlite3.OperationalError, OSError) as error:
        raise Unreachable(f"{file} cannot be used: {error}", "check the folder's rights and disk space") from error
    except sqlite3.DatabaseError as error:
        raise CheckFailed(f"{file} cannot be trusted: {error}", "restore it from a backup") from error


def add_label(home: Home, label: Label) -> None:
    """Store a label durably. A label with the same id moves to the history; an equal label changes nothing."""
    with open_labels(home) as connection, transaction(connection):
        row = connection.execute(f"select {_COLUMNS} from labels where label_id = ?", (label.label_id,)).fetchone()  # noqa: S608 - our own names
        if row and replace(Label(*row), created_at=label.created_at) == label:
            return
        _supersede(connection, label.label_id, label.created_at)
        connection.execute(f"insert into labels ({_COLUMNS}) values (?,?,?,?,?,?,?,?,?)", astuple(label))  # noqa: S608 - our own names


def remove_label(home: Home, label_id: str, now: int) -> Label:
    """Remove a label; it stays in the history. Returns it.

    Args:
        home: data folder.
        label_id: its id, or a prefix that only this id has.
        now: microseconds since the epoch.

    Raises:
        Missing: no label has this prefix, or several do.
    """
    with open_labels(home) as connection, transaction(connection):
        rows = connection.execute(
            f"select {_COLUMNS} from labels where substr(label_id, 1, ?) = ? order by label_id != ? limit 2",  # noqa: S608
            (len(label_id), label_id, label_id),
        ).fetchall()
        found = [Label(*row) for row in rows if label_id]
        if len(found) != 1 and not (found and found[0].label_id == label_id):
            many = "several labels begin with" if found else "there is no label"
            raise Missing(f"{many} {label_id[:60]!r}", "`sensor-platform labels list` shows their ids")
        _supersede(connection, found[0].label_id, now)
    return found[0]


def _supersede(connection: sqlite3.Connection, label_id: str, now: int) -> None:
    connection.execute(f"insert into superseded select {_COLUMNS}, ? from labels where label_id = ?", (now, label_id))  # noqa: S608
    connection.execute("delete from labels where label_id = ?", (label_id,))


def new_label(
    device: str,
    label: str,
    start_at: int,
    end_at: int | None,
    *,
    source: str,
    now: int,
    metric: str = "",
    note: str = "",
) -> Label:
    """A label whose id is a hash of its content: equal content gives the same id.

    Raises:
        WrongUse: device or text is empty, it ends before it starts, or a time is outside 1970 to 2199.
    """
    end = start_at if end_at is None else end_at
    if not device or not label:
        raise WrongUse("a label needs a device and a text", "name both")
    if not 0 <= start_at <= _LATEST or not 0 <= end <= _LATEST:
        raise WrongUse(
            f"a label of {device} has a time outside the years 1970 to 2199",
            "write times as ISO 8601, or as seconds since the epoch",
        )
    if end < start_at:
        raise WrongUse(f"a label of {device} ends before it starts", "check start and end")
    text = "\x1f".join((device, metric, label, str(start_at), str(end)))
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Label(f"said:{name}", device, metric, start_at, end, label, source, note, now)


def add_labels(home: Home, labels: Sequence[Label]) -> int:
    """Store new labels durably, all or none; returns the number that were new."""
    with open_labels(home) as connection, transaction(connection):
        before = connection.total_changes
        connection.executemany(
            f"insert or ignore into labels ({_COLUMNS}) values (?,?,?,?,?,?,?,?,?)",  # noqa: S608 - our own names
            [astuple(label) for label in labels],
        )
        return connection.total_changes - before


def read_labels(home: Home, source: str = "%") -> list[Label]:
    """Labels by start, optionally of sources like `alert:%`."""
    if not home.labels_file.exists():
        return []
    with open_labels(home) as connection:
        rows = connection.execute(f"select {_COLUMNS} from labels where source like ? order by start_at", (source,))  # noqa: S608
        return [Label(*row) for row in rows]


def read_history(home: Home) -> list[LabelVersion]:
    """Every version of every label, by start, then by creation; also superseded ones."""
    return _versions(
        home,
        f"select {_COLUMNS}, null from labels union all select {_COLUMNS}, superseded_at from superseded"  # noqa: S608
        " order by start_at, created_at, label_id",
    )


def read_superseded(home: Home) -> list[LabelVersion]:
    """Superseded versions only: mostly few."""
    return _versions(home, f"select {_COLUMNS}, superseded_at from superseded order by superseded_at")  # noqa: S608


def _versions(home: Home, sql: str) -> list[LabelVersion]:
    if not home.labels_file.exists():
        return []
    with open_labels(home) as connection:
        return [LabelVersion(Label(*row[:-1]), row[-1]) for row in connection.execute(sql).fetchall()]


def as_of(history: Sequence[LabelVersion], at: int) -> list[Label]:
    """The labels that were in force at a time (microseconds since the epoch)."""
    return [
        each.label
        for each in history
        if each.label.created_at <= at and (each.superseded_at is None or each.superseded_at > at)
    ]


def changes(history: Sequence[LabelVersion]) -> list[Label]:
    """Every creation and every removal of a label, as labels whose `created_at` is the time of the change."""
    gone = [replace(each.label, created_at=each.superseded_at) for each in history if each.superseded_at is not None]
    return [*(each.label for each in history), *gone]
