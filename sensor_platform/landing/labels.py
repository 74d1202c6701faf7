"""What people said about what happened: labels of device, metric and time span, for training and for backtests."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home

_TABLE = """
create table if not exists labels (
    label_id text primary key, device_id text, metric text, start_at integer, end_at integer, label text,
    source text, note text, created_at integer
) without rowid
"""
_COLUMNS = "label_id, device_id, metric, start_at, end_at, label, source, note, created_at"


@dataclass(frozen=True, slots=True)
class Label:
    """One statement. The same `label_id` again replaces it."""

    label_id: str
    device_id: str
    metric: str
    """Empty for the device as a whole."""
    start_at: int
    """Microseconds since the epoch, UTC, as all times here."""
    end_at: int
    label: str
    """For alerts `confirmed` or `rejected`; elsewhere whatever the model is to learn."""
    source: str
    """Who or what said it, for instance `alert:<alert id>`."""
    note: str
    created_at: int


@contextlib.contextmanager
def open_labels(home: Home) -> Iterator[sqlite3.Connection]:
    """A connection in autocommit; the file is created where there is none."""
    home.labels_file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(home.labels_file, isolation_level=None, timeout=10.0)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute(_TABLE)
        yield connection
    finally:
        connection.close()


def add_label(home: Home, label: Label) -> None:
    """Store a label durably, instead of one with the same id."""
    with open_labels(home) as connection:
        connection.execute(f"insert or replace into labels ({_COLUMNS}) values (?,?,?,?,?,?,?,?,?)", astuple(label))  # noqa: S608 - our own names


def stated(
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
    """A label whose id is made of what it says: the same again is the same label.

    Raises:
        WrongUse: device or text is empty, or it ends before it starts.
    """
    end = start_at if end_at is None else end_at
    if not device or not label:
        raise WrongUse("a label needs a device and a text", "name both")
    if end < start_at:
        raise WrongUse(f"a label of {device} ends before it starts", "check start and end")
    text = "\x1f".join((device, metric, label, str(start_at), str(end)))
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Label(f"said:{name}", device, metric, start_at, end, label, source, note, now)


def add_labels(home: Home, labels: Sequence[Label]) -> int:
    """Store labels that are not there yet, all or none, durably; returns how many were new."""
    with open_labels(home) as connection:
        before = connection.total_changes
        connection.execute("begin immediate")
        connection.executemany(
            f"insert or ignore into labels ({_COLUMNS}) values (?,?,?,?,?,?,?,?,?)",  # noqa: S608 - our own names
            [astuple(label) for label in labels],
        )
        added = connection.total_changes - before
        connection.execute("commit")
    return added


def read_labels(home: Home, source: str = "%") -> list[Label]:
    """Labels by start, optionally of sources like `alert:%`."""
    if not home.labels_file.exists():
        return []
    with open_labels(home) as connection:
        rows = connection.execute(f"select {_COLUMNS} from labels where source like ? order by start_at", (source,))  # noqa: S608
        return [Label(*row) for row in rows]
