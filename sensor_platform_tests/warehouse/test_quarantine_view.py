"""The published quarantine: links to the files that the ledger has; nothing stays of what was compacted or deleted."""

import os
import time
from pathlib import Path

import duckdb
import pytest

from sensor_platform.home import Home
from sensor_platform.landing.housekeeping import delete_with_ledger, keep_house
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.warehouse.published import quarantine_view
from sensor_platform.warehouse.published.quarantine_view import COLUMNS, TABLE, publish_files
from sensor_platform.warehouse.published.views import COLUMNS_FILE
from sensor_platform.warehouse.published.withdrawal import GRACE_SECONDS
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment

SEGMENTS = 3


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    for seq in range(1, SEGMENTS + 1):
        seal_segment(home, seq, [Message(b"garbage")] * 2, received_at=T0 + seq)
    land_all(home)
    folder = home.published / TABLE
    (folder / COLUMNS_FILE).parent.mkdir(parents=True)
    columns = ", ".join(f"null::{kind} as {name}" for name, kind in COLUMNS)
    duckdb.execute(f"copy (select {columns} where false) to '{folder / COLUMNS_FILE}' (format parquet)")
    return home


def published(home: Home) -> tuple[int, int]:
    """Number of files of the day, and of rows."""
    found = duckdb.execute(
        f"select count(*) from read_parquet('{home.published}/{TABLE}/*/*.parquet', union_by_name = true)"
    ).fetchone()
    assert found is not None
    return len(list((home.published / TABLE).glob("day=2*/*.parquet"))), found[0]


def pass_an_hour(home: Home) -> None:
    """Make everything that is published as old as that."""
    then = time.time() - GRACE_SECONDS - 1
    for path in (home.published / TABLE).rglob("*"):
        if path.is_dir() or path.stat().st_nlink == 1:
            os.utime(path, (then, then))


def test_what_is_emptied_is_deleted_though_the_day_changes_no_more(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = duckdb.connect()
    assert publish_files(home, connection) == SEGMENTS
    assert published(home) == (SEGMENTS, 6)
    for hours in (2, 4):
        keep_house(home, 10, 7, T0 + hours * HOUR)
    assert publish_files(home, connection) == 1
    assert published(home) == (SEGMENTS + 1, 6)
    with monkeypatch.context() as patch:
        patch.delattr(quarantine_view, "_publish_day")
        assert publish_files(home, connection) == 0, "nothing is looked at before the hour is over"
    pass_an_hour(home)
    assert publish_files(home, connection) == 0
    assert published(home) == (1, 6)
    with monkeypatch.context() as patch:
        patch.delattr(quarantine_view, "_publish_day")
        pass_an_hour(home)
        publish_files(home, connection)


def test_nothing_stays_of_a_day_that_retention_deleted(home: Home) -> None:
    connection = duckdb.connect()
    publish_files(home, connection)
    files = [str(path.relative_to(home.root)) for path in home.quarantine.glob("*/*.parquet")]
    with open_ledger(home) as ledger:
        delete_with_ledger(home, ledger, files)
    publish_files(home, connection)
    assert published(home) == (SEGMENTS, 0)
    pass_an_hour(home)
    publish_files(home, connection)
    assert not list((home.published / TABLE).glob("day=2*"))
    assert connection.execute("select count(*) from ledger_pieces").fetchall() == [(0,)]
