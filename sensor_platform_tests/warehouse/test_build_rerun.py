import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform_tests.warehouse.landings import SCHEMA, Landing, SiteStub, fingerprints, reading
from sensor_platform_tests.warehouse.withdrawn import withdraw

DAYS = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]


def three_days(seed: int = 1) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC
    times = [start + timedelta(seconds=rng.randrange(3 * 86400)) for _ in range(3000)]
    return [
        reading(
            f"d{rng.randrange(5)}", rng.choice(["a", "b"]), at, rng.gauss(20, 1e3), message_id=str(rng.randrange(50))
        )
        for at in times
    ]


def query(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        rows: list[tuple[Any, ...]] = warehouse.execute(sql).fetchall()
        return rows


def test_a_range_equals_day_by_day_in_any_order_of_arrival_and_of_days(tmp_path: Path, site: SiteStub) -> None:
    rows = three_days()
    at_once, by_day = Home(tmp_path / "a"), Home(tmp_path / "b")
    Landing(at_once).land(rows)
    assert build(at_once, site).is_ok
    shuffled = random.Random(2).sample(rows, len(rows))
    landing = Landing(by_day)
    landing.land(shuffled[:1500])
    for day in reversed(DAYS):
        assert build(by_day, site, days=(day, day)).is_ok
    position = landing.land(shuffled[1500:])
    for day in DAYS:
        assert build(by_day, site, days=(day, day), position=position).is_ok
    tiers = [table for table in fingerprints(at_once) if table != "readings_clean"]
    assert fingerprints(by_day, tiers) == fingerprints(at_once, tiers)
    same = "select * exclude (segment, position) from readings_clean order by all"
    assert query(by_day, same) == query(at_once, same)


def test_every_partition_built_twice_is_the_same_to_the_last_bit(landing: Landing, home: Home, site: SiteStub) -> None:
    landing.land(three_days())
    assert build(home, site).is_ok
    before = fingerprints(home)
    for day in DAYS:
        report = build(home, site, days=(day, day))
        assert report.is_ok
        assert report.models["readings_clean"].windows > 0
    assert build(home, site, days=(DAYS[0], DAYS[-1])).is_ok
    assert fingerprints(home) == before


@pytest.mark.soak
def test_chunks_make_the_same_tables_and_leave_nothing_dirty(tmp_path: Path, site: SiteStub) -> None:
    rows = three_days()
    whole, cut = Home(tmp_path / "a"), Home(tmp_path / "b")
    for home in (whole, cut):
        Landing(home).land(rows)
    assert build(whole, site).chunks == 1
    small = SiteStub(warehouse=replace_chunk(site, 400))
    report = build(cut, small)
    assert report.is_ok
    assert report.chunks >= 6
    assert fingerprints(cut) == fingerprints(whole)
    again = build(cut, small, position=1)
    assert not any(model.windows for model in again.models.values())


def replace_chunk(site: SiteStub, readings: int) -> WarehouseConfig:
    return WarehouseConfig(memory_limit=site.warehouse.memory_limit, lock_wait_seconds=5, chunk_readings=readings)


@pytest.mark.soak
def test_many_threads_make_the_same_bits_whatever_the_files(tmp_path: Path, site: SiteStub) -> None:
    frame = many_readings(400_000)
    one, many = Home(tmp_path / "a"), Home(tmp_path / "b")
    Landing(one).land(frame)
    landing = Landing(many)
    for part in frame.sample(fraction=1.0, shuffle=True, seed=3).iter_slices(150_000):
        landing.land(part)
    assert build(one, site).is_ok
    assert build(many, SiteStub(warehouse=replace_chunk(site, 100_000))).is_ok
    tiers = ["readings_10s", "readings_1m", "readings_1h", "readings_1d"]
    assert fingerprints(many, tiers) == fingerprints(one, tiers)


def many_readings(count: int) -> pl.DataFrame:
    rng = random.Random(5)
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC
    empty = pl.DataFrame([reading("d", "m", start, 0.0)], schema=SCHEMA).drop(
        "event_at", "received_at", "value", "device_id"
    )
    at = pl.Series("event_at", [start + timedelta(milliseconds=rng.randrange(8 * 3600 * 1000)) for _ in range(count)])
    value = pl.Series("value", [rng.gauss(0, 10 ** rng.randrange(-6, 6)) for _ in range(count)])
    device = pl.Series("device_id", [f"d{rng.randrange(3)}" for _ in range(count)])
    frame = pl.DataFrame([at.cast(pl.Datetime("us")), at.cast(pl.Datetime("us")).alias("received_at"), value, device])
    return frame.join(empty, how="cross").select(*SCHEMA)


def test_a_window_that_became_empty_is_empty_in_every_table(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    landing.land([reading("d", "m", noon + timedelta(days=1), 1.0)])
    assert build(home, site).is_ok
    position = withdraw(landing, 1)
    report = build(home, site, position=position)
    assert report.is_ok
    assert report.models["readings_clean"].windows == 1
    for table, (rows, _) in fingerprints(home).items():
        assert rows == 1, table
    assert query(home, "select window_start from readings_1d") == [(datetime(2026, 1, 3),)]  # noqa: DTZ001


def test_nothing_new_means_nothing_rebuilt(landing: Landing, home: Home, site: SiteStub) -> None:
    position = landing.land(three_days())
    assert build(home, site).is_ok
    again = build(home, site, position=position)
    assert again.is_ok
    assert {name: model.windows for name, model in again.models.items() if model.windows} == {}


def test_a_late_reading_rebuilds_its_slot_its_hour_and_its_day_only(
    landing: Landing, home: Home, site: SiteStub
) -> None:
    landing.land(three_days())
    assert build(home, site).is_ok
    late = datetime(2026, 1, 1, 23, 55)  # noqa: DTZ001 - plain UTC
    position = landing.land([reading("d0", "a", late, 5.0, received_at=late + timedelta(days=3))])
    report = build(home, site, position=position)
    windows = {name: model.windows for name, model in report.models.items()}
    # The slot and the one after it (its repeats may reach there), so two hours and two days at a day's border.
    assert windows["readings_clean"] == 2
    assert windows["readings_1m"] == 2
    assert windows["readings_1h"] == 2
    assert windows["readings_1d"] == 2
    assert report.models["readings_clean"].late_rows == 1


def test_a_model_built_without_its_parents_stays_behind_and_is_caught_up(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, site).is_ok
    position = landing.land([reading("d", "m", noon + timedelta(seconds=1), 2.0)])
    assert build(home, site, models=["readings_1h", "readings_1d"]).is_ok
    assert query(home, "select n from readings_1h") == [(1,)]
    assert build(home, site, position=position).is_ok
    assert query(home, "select n from readings_1h union all select n from readings_1d") == [(2,), (2,)]


def test_an_unknown_model_is_refused_with_the_names_of_those_that_exist(home: Home, site: SiteStub) -> None:
    with pytest.raises(WrongUse) as error:
        build(home, site, models=["readings_1w"])
    assert "readings_1d" in error.value.hint


def test_an_empty_home_has_every_table(home: Home, site: SiteStub) -> None:
    assert build(home, site, days=(DAYS[0], DAYS[1])).is_ok
    assert set(fingerprints(home).values()) == {(0, 0)}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns"])
def test_no_time_zone_changes_a_result(
    tmp_path: Path, site: SiteStub, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    utc, other = Home(tmp_path / "utc"), Home(tmp_path / "other")
    for home in (utc, other):
        Landing(home).land(three_days()[:300])
    assert build(utc, site).is_ok
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setattr("sensor_platform.warehouse.build.open_warehouse", hostile_zone(zone))
    assert build(other, site).is_ok
    assert fingerprints(other) == fingerprints(utc)


def hostile_zone(zone: str) -> Any:
    import contextlib

    from sensor_platform.warehouse.file import connection

    @contextlib.contextmanager
    def opened(home: Home, config: WarehouseConfig) -> Any:
        with connection.open_warehouse(home, config) as warehouse:
            warehouse.execute(f"set global TimeZone = '{zone}'")
            yield warehouse

    return opened


HOSTILE = [
    'a"b',
    "it's",
    "{{ 1/0 }}",
    "%s; drop table state",
    "DEVICE_ID",
    "Window_Start",
    "day",
    "温度",
    "a\nb",
    "😀",
    "../x",
]


def test_hostile_names_are_only_data(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    position = landing.land(rows_named(HOSTILE, noon))
    assert build(home, site, position=position).is_ok
    more = [*HOSTILE, 'A"B', "new"]
    position = landing.land(rows_named(more, noon + timedelta(hours=1)))
    assert build(home, site, position=position).is_ok
    assert {row[0] for row in query(home, "select distinct metric from readings_1d")} == set(more)
    columns = dict(query(home, "select metric, column_name from metric_columns"))
    assert set(columns) == set(more)
    assert columns["new"] == "new"
    assert len({name.lower() for name in columns.values()}) == len(more)
    for metric, column in columns.items():
        quoted = column.replace('"', '""')
        found = query(home, f'select device_id, window_start from readings_1h_wide where "{quoted}" = 1.0 order by 2')
        hours = [noon, noon + timedelta(hours=1)] if metric in HOSTILE else [noon + timedelta(hours=1)]
        assert found == [(metric, hour) for hour in hours]
    assert fingerprints(home)["device_status"][0] == len(more)


def rows_named(names: Sequence[str], at: datetime) -> list[dict[str, Any]]:
    return [reading(name, name, at, 1.0, topic=name) for name in names]
