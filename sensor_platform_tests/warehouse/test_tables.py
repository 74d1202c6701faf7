from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform.warehouse.tables import Due, Warehouse, writer
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

UP_TO_FEATURES = [*dbt_models(), "features"]


def make_features(warehouse: Warehouse, due: Due) -> None:
    hours = warehouse.read_hours(due.starts[0], due.starts[-1] + timedelta(hours=1))
    warehouse.replace_windows(due, hours.select("device_id", "metric", "window_start", value="mean"))


@pytest.fixture
def built(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> Home:
    landing.land([reading("d", "m", noon + timedelta(hours=n), float(n)) for n in (0, 1, 168, 200)])
    assert build(home, site).is_ok
    return home


def test_windows_that_were_made_are_no_longer_due(built: Home, site: SiteStub) -> None:
    with writer(built, site, "features") as warehouse:
        due = warehouse.due("features", position=1)
        assert len(due.windows) == 4
        make_features(warehouse, due)
        assert not warehouse.due("features", position=1).windows
        assert warehouse.due("features").windows == due.windows
    assert dirty_days(built, site, UP_TO_FEATURES) == ()


def test_a_late_hour_makes_the_features_of_its_week_due(
    built: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    with writer(built, site, "features") as warehouse:
        make_features(warehouse, warehouse.due("features"))
    position = landing.land([reading("d", "m", noon + timedelta(hours=1, minutes=30), 9.0)])
    expected = [(noon + timedelta(hours=n)).date() for n in (1, 168)]
    assert [day.day for day in dirty_days(built, site, UP_TO_FEATURES)] == expected
    assert build(built, site, position=position).is_ok
    with writer(built, site, "features") as warehouse:
        due = warehouse.due("features", position=position)
        assert due.starts == tuple((noon + timedelta(hours=n)).replace(tzinfo=UTC) for n in (1, 168))
        day = (noon + timedelta(hours=168)).date()
        assert warehouse.due("features", days=(day, day), position=position).starts == due.starts[1:]


def test_a_window_without_rows_becomes_empty_and_new_columns_are_added(built: Home, site: SiteStub) -> None:
    with writer(built, site, "features") as warehouse:
        due = warehouse.due("features")
        make_features(warehouse, due)
        first = due.between(due.starts[0], due.starts[1])
        rows = warehouse.read_windows(due).with_columns(pl.lit(1.0).alias('ne"w'))
        warehouse.replace_windows(due, rows.filter(pl.col("window_start") != due.starts[0].replace(tzinfo=None)))
        assert warehouse.read_windows(first).is_empty()
        assert warehouse.read_windows(due)['ne"w'].to_list() == [1.0] * 3
        assert not warehouse.due("features", position=1).windows


def test_rows_outside_their_windows_are_refused_and_nothing_changes(built: Home, site: SiteStub) -> None:
    with writer(built, site, "features") as warehouse:
        due = warehouse.due("features")
        make_features(warehouse, due)
        before = warehouse.read_windows(due)
        one = due.between(due.starts[0], due.starts[1])
        with pytest.raises(WrongUse):
            warehouse.replace_windows(one, before)
        assert warehouse.read_windows(due).equals(before)


def test_rows_and_state_are_one_transaction(built: Home, site: SiteStub) -> None:
    with writer(built, site, "features") as warehouse:
        due = warehouse.due("features")
        make_features(warehouse, due)
        before = warehouse.read_windows(due)
        wrong = before.with_columns(pl.lit("text").alias("value"))
        with pytest.raises(duckdb.Error):
            warehouse.replace_windows(due, wrong)
        assert warehouse.read_windows(due).equals(before)
        assert warehouse.due("features").windows == due.windows


def test_a_table_of_dbt_cannot_be_replaced_from_python(built: Home, site: SiteStub) -> None:
    with writer(built, site, "features") as warehouse, pytest.raises(WrongUse):
        warehouse.due("readings_1h")


def test_what_a_broker_had_kept_does_not_make_a_device_online(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    """A retained message with a time arrived at that time; one without, taken as uncertain, at no known time."""
    tags = [{"key": "retained", "value": "true"}]
    uncertain = {"tags": tags, "quality": "uncertain", "is_device_time": False}
    landing.land(
        [
            reading("timed", "m", noon, 1.0, tags=tags),
            reading("untimed", "m", noon + timedelta(days=30), 1.0, **uncertain),
            reading("both", "m", noon + timedelta(hours=1), 1.0),
            reading("both", "m", noon + timedelta(days=30), 1.0, **uncertain),
            reading("doubtful", "m", noon, 1.0, quality="uncertain", is_device_time=False),
        ]
    )
    assert build(home, site).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        rows = connection.execute("select device_id, last_received_at, uncertain_n from device_status").fetchall()
        rules = connection.execute(
            "select distinct device_id, rule from readings_clean where rule is not null"
        ).fetchall()
    assert sorted(rows) == [
        ("both", noon + timedelta(hours=1), 1),
        ("doubtful", noon, 1),
        ("timed", noon, 0),
        ("untimed", None, 1),
    ]
    retained = "retained_without_time"
    assert sorted(rules) == [("both", retained), ("doubtful", "device_says_uncertain"), ("untimed", retained)]
