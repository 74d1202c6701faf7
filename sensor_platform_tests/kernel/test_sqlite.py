"""Transactions on a disk that fills up: the error that is shown is the first one, and the connection can go on.

SQLite ends a transaction by itself when a statement finds the disk full; a rollback after that is an error of its own.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from sensor_platform.alert import store
from sensor_platform.alert.history import history_store
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import connect, connect_to_read, transaction
from sensor_platform.labels.label_store import open_labels
from sensor_platform.landing.ledger import open_ledger

Opener = Callable[[Home], AbstractContextManager[sqlite3.Connection]]
FULL = "database or disk is full"


def _open_alerts(home: Home) -> AbstractContextManager[sqlite3.Connection]:
    return closing(store.connect(home.live_file))


STORES = pytest.mark.parametrize(
    ("opener", "insert"),
    [
        pytest.param(open_ledger, "insert into meta values (?, ?)", id="ledger"),
        pytest.param(_open_alerts, "insert into meta values (?, ?)", id="alerts"),
        pytest.param(open_labels, "insert into labels (label_id, note) values (?, ?)", id="labels"),
    ],
)


def _fill(connection: sqlite3.Connection, insert: str) -> None:
    """Insert a small row, then more than the file may hold: no page may be added to those that there are."""
    connection.execute(insert, ("small", "x"))
    connection.execute("pragma max_page_count = 1")  # SQLite takes the present size where that is larger
    try:
        connection.execute(insert, ("large", "x" * 1_000_000))
    finally:
        assert not connection.in_transaction, "SQLite did not roll back by itself, so this test shows nothing"


@STORES
def test_a_full_disk_shows_its_own_error_and_leaves_the_connection_usable(
    tmp_path: Path, opener: Opener, insert: str
) -> None:
    with opener(Home(tmp_path)) as connection:
        with pytest.raises(sqlite3.OperationalError, match=FULL), transaction(connection):
            _fill(connection, insert)
        connection.execute("pragma max_page_count = 1000000")
        with transaction(connection):
            connection.execute(insert, ("after", "x"))
        table, key = insert.split()[2], "key" if "meta" in insert else "label_id"
        names = {name for (name,) in connection.execute(f"select {key} from {table}")}
        assert "after" in names
        assert "small" not in names


def _insert_and_stop(connection: sqlite3.Connection, insert: str) -> None:
    connection.execute(insert, ("small", "x"))
    raise KeyboardInterrupt


@STORES
def test_another_error_rolls_back_too(tmp_path: Path, opener: Opener, insert: str) -> None:
    with opener(Home(tmp_path)) as connection:
        with pytest.raises(KeyboardInterrupt), transaction(connection):
            _insert_and_stop(connection, insert)
        assert not connection.in_transaction
        with transaction(connection):
            connection.execute(insert, ("small", "x"))


def test_the_history_of_alerts_on_a_full_disk_is_unreachable_for_that_reason(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(Unreachable, match=FULL), history_store.open_store(home) as connection:
        _fill(connection, "insert into meta values (?, ?)")
    with history_store.open_store(home) as connection:
        assert history_store.get_meta(connection, "small") == ""
        history_store.set_meta(connection, "small", "y")
    with history_store.open_store(home) as connection:
        assert history_store.get_meta(connection, "small") == "y"


def test_a_commit_that_fails_is_rolled_back(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "some.db", busy_seconds=0.0, synchronous="full")) as connection:
        connection.execute("pragma foreign_keys = on")
        connection.execute("create table a (id integer primary key)")
        connection.execute("create table b (a references a deferrable initially deferred)")
        with pytest.raises(sqlite3.IntegrityError), transaction(connection):
            connection.execute("insert into b values (1)")
        assert not connection.in_transaction
        assert connection.execute("select count(*) from b").fetchone() == (0,)


def test_the_write_lock_is_taken_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with (
        closing(connect(path, busy_seconds=0.0, synchronous="full")) as one,
        closing(connect(path, busy_seconds=0.0, synchronous="full")) as other,
    ):
        with transaction(one), pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
            pytest.fail("two writers at once")
        with transaction(other):
            other.execute("create table a (id)")


@pytest.mark.parametrize(("synchronous", "number"), [("full", 2), ("normal", 1)])
def test_a_connection_has_a_write_ahead_log_and_the_durability_that_was_asked_for(
    tmp_path: Path, synchronous: str, number: int
) -> None:
    path = tmp_path / "sub" / "some.db"
    with closing(connect(path, busy_seconds=0.0, synchronous=synchronous)) as connection:  # type: ignore[arg-type]
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        assert connection.execute("pragma synchronous").fetchone() == (number,)
        assert connection.isolation_level is None


def test_what_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(path, busy_seconds=0.0, synchronous="full")


def test_a_reader_can_neither_create_nor_write_and_takes_any_file_name(tmp_path: Path) -> None:
    path = tmp_path / "100%?#" / "some.db"
    with pytest.raises(sqlite3.OperationalError):
        connect_to_read(path)
    with (
        closing(connect(path, busy_seconds=0.0, synchronous="full")) as writer,
        closing(connect_to_read(path)) as reader,
    ):
        writer.execute("create table a (id)")
        assert reader.execute("select count(*) from a").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("insert into a values (1)")
