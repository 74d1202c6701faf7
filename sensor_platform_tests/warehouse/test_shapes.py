"""Tiers are made in one of three ways, by how many rows their windows have: each is taken, and none changes a bit."""

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.catalog.catalog_model import Catalog
from sensor_platform.warehouse.dbt_command import run_command
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.warehouse import oracle
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading
from sensor_platform_tests.warehouse.truth import check_clean, check_tier

SHAPES = {
    "single": {"grouped": False, "shared": False},
    "sparse": {"grouped": True, "shared": True},
    "dense": {"grouped": True, "shared": False},
}


def minutes(noon: datetime) -> list[dict[str, Any]]:
    """A reading a minute for three hours, of two devices; before the epoch's midnight as well as after it."""
    starts = [noon, noon.replace(year=1969, month=12, day=31)]
    return [
        reading(device, "m", start + timedelta(minutes=minute, seconds=minute % 30), minute / 7)
        for start in starts
        for device in ("d", "e")
        for minute in range(180)
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_windows_of_one_row_and_of_many_are_made_as_the_oracle_says(
    landing: Landing, home: Home, noon: datetime, shape: str
) -> None:
    rows = minutes(noon)
    again = {"single": [], "sparse": rows[5:7], "dense": rows}[shape]
    later = [timedelta(seconds=seconds) for seconds in (0.001, 0.002, 20, 20.001)]
    rows += [row | {"value": 50.0, "event_at": row["event_at"] + by} for row in again for by in later]
    landing.land(rows)
    report = build(home, SiteStub(start=noon.replace(year=1960).date()))
    assert report.is_ok, report.failed
    for tier in ("readings_10s", "readings_1m"):
        assert parts_of(home, tier) == SHAPES[shape], tier
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        assert types_of(warehouse) == {"VARCHAR", "TIMESTAMP", "BIGINT", "DOUBLE", "INTEGER"}
        readings = oracle.clean(landing.landed, Catalog())
        check_clean(warehouse, readings.rows())
        for table, every in oracle.TIERS.items():
            check_tier(warehouse, table, oracle.tier(readings, every, set()))


def types_of(warehouse: duckdb.DuckDBPyConnection) -> set[str]:
    """Types of the columns of all tiers: what the first build takes them for is what they are for ever."""
    query = "select distinct data_type from duckdb_columns() where list_contains(?, table_name)"
    return {row[0] for row in warehouse.execute(query, [list(oracle.TIERS)]).fetchall()}


def parts_of(home: Home, model: str) -> dict[str, bool]:
    """Which parts the SQL has that dbt ran last."""
    compiled = next(home.warehouse.rglob(f"compiled/**/{model}.sql")).read_text()
    return {part: f"{part} as (" in compiled for part in ("grouped", "shared")}


@pytest.mark.parametrize(
    "table",
    [
        "readings_10s",
        pytest.param("readings_1m", marks=pytest.mark.soak),
        pytest.param("readings_1h", marks=pytest.mark.soak),
        "readings_1d",
    ],
)
def test_a_row_that_is_there_twice_is_found(
    landing: Landing, home: Home, site: SiteStub, noon: datetime, table: str
) -> None:
    landing.land(minutes(noon)[:180])
    assert build(home, site).is_ok
    assert run_command(home, site, ["test", "--quiet", "--select", table]) == ExitCode.OK
    with writer(home, site, "test") as warehouse:
        warehouse.connection.execute(f"insert into {table} from (from {table} order by window_start desc limit 1)")
    assert run_command(home, site, ["test", "--quiet", "--select", f"{table}_unique"]) == ExitCode.CHECK_FAILED


def test_dbts_own_unit_tests_hold(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    landing.land(minutes(noon)[:2])
    assert build(home, site).is_ok
    assert run_command(home, site, ["test", "--quiet", "--select", "test_type:unit"]) == ExitCode.OK
