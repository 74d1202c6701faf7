"""Forecasts and scores that a revision replaced are kept for a while, and no longer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.retention import superseded
from sensor_platform.warehouse.prediction_tables import ensure_predictions

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = to_micros(NOW)


def made(ages: list[int]) -> "duckdb.DuckDBPyConnection":
    """Superseded forecasts and scores that were issued so many days ago."""
    connection = duckdb.connect()
    ensure_predictions(connection)
    for days in ages:
        at = (NOW - timedelta(days=days)).replace(tzinfo=None)
        connection.execute("insert into predictions_superseded (device_id, issued_at) values ('a', ?)", [at])
        connection.execute("insert into supervised_superseded (device_id, window_start) values ('a', ?)", [at])
    return connection


def ages_left(connection: "duckdb.DuckDBPyConnection", table: str, column: str) -> list[int]:
    rows = connection.execute(f"select {column} from {table} order by 1 desc").fetchall()
    return [(NOW.replace(tzinfo=None) - at).days for (at,) in rows]


def publish(home: Home, table: str, days: int) -> None:
    folder = home.published / table / f"day={(NOW - timedelta(days=days)).date().isoformat()}"
    folder.mkdir(parents=True)
    (folder / "0000.parquet").write_bytes(b"x" * 10)


@given(st.lists(st.integers(0, 400), max_size=8), st.integers(0, 200))
def test_what_is_older_goes_and_what_is_younger_stays(ages: list[int], days: int) -> None:
    connection = made(ages)
    home = Home(Path("/nowhere"))
    superseded.delete(connection, home, list(superseded.due(connection, home, days, TODAY)))
    left = sorted(age for age in ages if age <= days or not days)
    assert ages_left(connection, "predictions_superseded", "issued_at") == left
    assert ages_left(connection, "supervised_superseded", "window_start") == left


def test_published_files_go_too_also_those_that_a_kill_left(home: Home) -> None:
    connection = made([100, 10])
    for days in (100, 99, 10):
        publish(home, "predictions_superseded", days)
    found = list(superseded.due(connection, home, 90, TODAY))
    assert [(each.table, each.rows, len(each.files), each.bytes) for each in found] == [
        ("predictions_superseded", 1, 1, 10),
        ("predictions_superseded", 0, 1, 10),
        ("supervised_superseded", 1, 0, 0),
    ]
    superseded.delete(connection, home, found)
    left = {folder.name for folder in (home.published / "predictions_superseded").iterdir()}
    assert left == {f"day={(NOW - timedelta(days=10)).date()}"}
    assert not list(superseded.due(connection, home, 90, TODAY))


def test_without_the_tables_there_is_nothing_to_do(home: Home) -> None:
    assert not list(superseded.due(duckdb.connect(), home, 90, TODAY))


def test_for_ever_is_for_ever(home: Home) -> None:
    assert not list(superseded.due(made([4000]), home, 0, TODAY))
