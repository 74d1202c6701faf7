"""A simulated hour is what the platform writes in an hour: the same rows in the ledger and in the files."""

import sqlite3
from contextlib import closing
from typing import Any

import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.ledger import keep_grid, open_ledger
from sensor_platform.landing.ledger.tables import TABLES
from sensor_platform.landing.manifests.bundle_paths import bundle_keys, bundle_path, day_key
from sensor_platform.landing.manifests.bundles import read_bundle
from sensor_platform.landing.manifests.count_files import counts_file
from sensor_platform.landing.manifests.counts_table import read_counts
from sensor_platform_tests.age.history import write_hour
from sensor_platform_tests.age.newest_hour import land_hour
from sensor_platform_tests.age.old_days import write_old_day
from sensor_platform_tests.age.plan import SLOT_MINUTES, AgePlan

END = 1_772_366_400_000_000
PLAN = AgePlan(end=END, days=2, devices=40)
OLD, NEW = END - 2 * DAY + HOUR, END - 3 * HOUR


@pytest.fixture(scope="module", params=[OLD, NEW], ids=["hourly", "newest day"])
def homes(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Home, Home]:
    """One that landed an hour and compacted it, and one in which it was written."""
    folder = tmp_path_factory.mktemp("homes")
    real, written = Home(folder / "real"), Home(folder / "written")
    land_hour(real, PLAN, request.param)
    keep_house(real, SLOT_MINUTES, 7, request.param + HOUR + HOUR // 2)
    keep_house(real, SLOT_MINUTES, 7, request.param + 3 * HOUR)
    with open_ledger(written) as ledger:
        keep_grid(ledger, SLOT_MINUTES)
        write_hour(written, ledger, PLAN, request.param)
    return real, written


def rows_of(home: Home, table: str, columns: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home.ledger_file)) as connection:
        return connection.execute(f"select {columns} from {table} order by 1").fetchall()


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("segments", "segment, position, committed_at"),
        ("segments", "sum(messages), sum(landed), sum(quarantined), sum(readings)"),
        ("file_slots", "slot_start, rows"),
        ("slots", "slot_start"),
        ("arrivals", "hour, received, landed, quarantined"),
    ],
)
def test_the_ledger_says_the_same(homes: tuple[Home, Home], table: str, columns: str) -> None:
    real, written = homes
    assert rows_of(written, table, columns) == rows_of(real, table, columns)


def test_the_bundle_has_the_same_commits(homes: tuple[Home, Home]) -> None:
    found = [[read_bundle(home, key) for key in bundle_keys(home)] for home in homes]
    real, written = (next(each for each in bundles if each.manifests) for bundles in found)
    assert written.manifests.keys() == real.manifests.keys()
    keys = ["segment", "device_id"]
    assert written.counts.sort(keys).equals(real.counts.sort(keys))


@pytest.mark.parametrize("tier", ["landing", "quarantine"])
def test_the_files_hold_the_same_rows(homes: tuple[Home, Home], tier: str) -> None:
    found = [[pl.read_parquet(path) for path in sorted((home.root / tier).glob("*/*.parquet"))] for home in homes]
    real, written = ([frame.drop("reason", "hint", strict=False) for frame in frames] for frames in found)
    assert len(written) == len(real) == 1
    assert written[0].equals(real[0])


OLD_PLAN = AgePlan(end=END, days=12, devices=40)
OLD_HOURS = [hour for hour in OLD_PLAN.hours if hour // DAY == (OLD_PLAN.start + DAY) // DAY]


@pytest.fixture(scope="module")
def old_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Home]:
    """A day that was written hour by hour and summed up by housekeeping, and one that was written at once."""
    folder = tmp_path_factory.mktemp("old")
    kept, written = Home(folder / "kept"), Home(folder / "written")
    for home in (kept, written):
        with open_ledger(home) as ledger:
            keep_grid(ledger, SLOT_MINUTES)
            if home is written:
                write_old_day(home, ledger, OLD_PLAN, OLD_HOURS)
            else:
                for hour in OLD_HOURS:
                    write_hour(home, ledger, OLD_PLAN, hour)
            write_hour(home, ledger, OLD_PLAN, OLD_HOURS[-1] + HOUR)
        keep_house(home, SLOT_MINUTES, 7, END)
    return kept, written


def test_a_day_written_at_once_has_the_same_ledger(old_days: tuple[Home, Home]) -> None:
    kept, written = old_days
    for table in sorted(TABLES - {"meta", "day_marks"}):  # those have random numbers
        assert rows_of(written, table, "*") == rows_of(kept, table, "*"), table
    marks = "day, name, rows"
    assert rows_of(written, "day_marks", marks) == rows_of(kept, "day_marks", marks)


def test_a_day_written_at_once_has_the_same_bundle(old_days: tuple[Home, Home]) -> None:
    kept, written = old_days
    key = day_key(OLD_HOURS[0])
    assert key in bundle_keys(kept)
    assert read_bundle(written, key).manifests == read_bundle(kept, key).manifests
    assert read_bundle(written, key).compactions == read_bundle(kept, key).compactions
    sizes = [bundle_path(home, key).stat().st_size for home in old_days]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


def test_a_day_written_at_once_has_the_same_counts(old_days: tuple[Home, Home]) -> None:
    tables = [read_counts(counts_file(home, OLD_HOURS[0])) for home in old_days]
    assert len(tables[0])
    assert tables[0].equals(tables[1])
