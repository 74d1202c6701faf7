"""Published files that go away: empty for a reader that has listed them, and deleted an hour later."""

import os
import time
from pathlib import Path

import duckdb

from sensor_platform.warehouse.published.views import COLUMNS_FILE
from sensor_platform.warehouse.published.withdrawal import GRACE_SECONDS, is_emptied, withdraw


def table_of(folder: Path) -> tuple[Path, Path]:
    """A table with its columns file and one file with three rows."""
    table = folder / "t"
    for path, rows in ((table / COLUMNS_FILE, 0), (table / "day=2026-01-02" / "0000.parquet", 3)):
        path.parent.mkdir(parents=True)
        duckdb.execute(f"copy (select 1 as a from range({rows})) to '{path}' (format parquet)")
    return table, path


def test_a_file_is_emptied_then_kept_for_an_hour_then_deleted(tmp_path: Path) -> None:
    table, path = table_of(tmp_path)
    assert withdraw(table, [path]) == 1
    assert duckdb.execute(f"select count(*) from read_parquet('{path}')").fetchall() == [(0,)]
    assert withdraw(table, [path]) == 0
    assert is_emptied(path)
    old = time.time() - GRACE_SECONDS - 1
    os.utime(path, (old, old))
    assert withdraw(table, [path]) == 1
    assert not path.parent.exists()


def test_a_file_that_cannot_be_read_is_emptied_too(tmp_path: Path) -> None:
    table, path = table_of(tmp_path)
    path.write_bytes(b"no Parquet")
    old = time.time() - 2 * GRACE_SECONDS
    os.utime(path, (old, old))
    assert withdraw(table, [path]) == 1
    assert is_emptied(path)


def test_a_table_without_columns_has_no_readers_and_a_missing_file_is_gone(tmp_path: Path) -> None:
    table, path = table_of(tmp_path)
    (table / COLUMNS_FILE).unlink()
    assert withdraw(table, [path]) == 1
    assert not path.exists()
