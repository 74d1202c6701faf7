"""What was known at a time can be asked, though late data has changed it since."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from sensor_platform.cli.predictions import predictions
from sensor_platform.home import Home
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import train
from sensor_platform.warehouse.published.joined_views import statements
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.predict.stage import SiteOfTest

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 20 * 24
NOW = START + timedelta(hours=HOURS)
FORECASTS = ("predictions", "predictions_superseded")


SITE = SiteOfTest(forecast=ForecastConfig(metrics=("temp",), horizons=(1, 6)))


def land(home: Home, hours: dict[int, float], position: int) -> None:
    """Hourly means of one device, as a build would leave them, and the features that follow."""
    rows = pl.DataFrame(
        {
            "window_start": [(START + timedelta(hours=hour)).replace(tzinfo=None) for hour in hours],
            "mean": list(hours.values()),
        }
    )
    with writer(home, SITE, "test") as warehouse:
        connection = warehouse.connection
        connection.execute(
            "create table if not exists readings_1h (device_id varchar, metric varchar, window_start timestamp,"
            " n bigint, sum double, min double, max double, mean double, stddev double, first double, last double,"
            " first_at timestamp, last_at timestamp, bad_n bigint)"
        )
        connection.register("given", rows.to_arrow())
        for table in ("readings_1h", "state"):
            connection.execute(
                f"delete from {table} where window_start in (select window_start from given)"
                + (" and model = 'readings_1h'" if table == "state" else "")
            )
        connection.execute("insert into readings_1h by name select 'a' as device_id, 'temp' as metric, * from given")
        connection.execute(
            "insert into state by name select 'readings_1h' as model, window_start, '' as generation,"
            " cast(? as bigint) as position from given",
            [position],
        )
        connection.unregister("given")
    build_features(home, SITE, position=position)


def publish(home: Home) -> None:
    """The two tables and the views over them, as `analytics.duckdb` has them."""
    home.published.mkdir(exist_ok=True)
    home.analytics_file.unlink(missing_ok=True)
    with writer(home, SITE, "test") as warehouse, duckdb.connect(str(home.analytics_file)) as target:
        for table in FORECASTS:
            target.register("rows", warehouse.connection.sql(f"from {table}").to_arrow_table())
            target.execute(f"create table {table} as select *, cast(issued_at as date) as day from rows")
        for statement in statements(FORECASTS):
            target.execute(statement)


def asked(*words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(predictions, [*words, "--format", "json", "--limit", "1000"], catch_exceptions=False)
    assert done.exit_code == 0
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_what_was_known_before_late_data_came_can_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path))
    values = 20 + 5 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi)
    land(home, dict(enumerate(map(float, values))), 1)
    train(home, SITE, NOW - timedelta(hours=12))
    score(home, SITE, position=1, now=NOW)
    publish(home)
    known = asked()
    assert {(row["revision"], row["inputs_position"], row["superseded_at"]) for row in known} == {(0, 1, None)}

    land(home, {HOURS - 3: 60.0}, 2)
    score(home, SITE, position=2, now=NOW + timedelta(hours=2))
    publish(home)
    then, now = asked("--as-of", (NOW + timedelta(hours=1)).isoformat()), asked()
    assert [{**row, "superseded_at": None} for row in then] == known
    changed = [row for row in now if row["revision"] == 1]
    assert {row["inputs_position"] for row in changed} == {2}
    assert len(now) == len(then)
    assert {row["issued_at"] for row in changed} >= {(START + timedelta(hours=HOURS - 3)).strftime("%Y-%m-%d %H:%M:%S")}
    assert asked("--as-of", (NOW - timedelta(hours=1)).isoformat()) == []


def test_superseded_rows_of_an_older_warehouse_file_are_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    values = 20 + 5 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi)
    land(home, dict(enumerate(map(float, values))), 1)
    with writer(home, SITE, "test") as warehouse:
        warehouse.connection.execute(
            "create table prediction_history as select 'a' as device_id, 'temp' as metric, 3.0 as value, 0 as revision,"
            " timestamp '2026-01-02' as issued_at, 1 as horizon_hours, timestamp '2026-01-03' as superseded_at"
        )
    score(home, SITE, position=1, now=NOW)
    with writer(home, SITE, "test") as warehouse:
        rows = warehouse.connection.execute("select device_id, value from predictions_superseded").fetchall()
    assert rows == [("a", 3.0)]


def test_a_new_warehouse_file_still_knows_what_was_known_then(tmp_path: Path) -> None:
    home = Home(tmp_path)
    values = dict(enumerate(map(float, 20 + 5 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi))))
    land(home, values, 1)
    train(home, SITE, NOW - timedelta(hours=12))
    score(home, SITE, position=1, now=NOW)
    land(home, {HOURS - 3: 60.0}, 2)
    score(home, SITE, position=2, now=NOW + timedelta(hours=2))
    before = said(home)
    assert before["predictions_superseded"].height > 0
    for name, rows in before.items():
        folder = home.published / name / "day=2026-01-20"
        folder.mkdir(parents=True)
        rows.write_parquet(folder / "0000.parquet")

    home.warehouse_file.unlink()
    land(home, values | {HOURS - 3: 60.0}, 2)
    score(home, SITE, position=2, now=NOW + timedelta(days=9))
    for name, rows in said(home).items():
        assert_frame_equal(rows, before[name], check_exact=True, check_column_order=False)


def said(home: Home) -> dict[str, pl.DataFrame]:
    with writer(home, SITE, "test") as warehouse:
        return {
            name: warehouse.connection.sql(f"from {name} order by issued_at, horizon_hours, revision").pl()
            for name in FORECASTS
        }
