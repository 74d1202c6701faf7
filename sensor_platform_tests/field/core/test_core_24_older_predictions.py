"""A warehouse file of an older version: its tables are migrated, or at least every other table is published."""

import duckdb

from sensor_platform_tests.field.core.homes import HOUR, T0, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, publish
from sensor_platform_tests.field.core.tables import ask, built, change_warehouse, site_with

SITE = site_with()
OLDER_PREDICTIONS = (
    "create or replace table predictions (device_id varchar, metric varchar, issued_at timestamp,"
    " horizon_hours integer, target_at timestamp, value double, lower double, upper double,"
    ' "interval" double, lightgbm double, served varchar,'
    " model_id varchar, trained_to timestamp, created_at timestamp)"
)
"""As commit 2ddac25 made it."""


def test_core_24_tables_are_published_from_a_warehouse_with_older_predictions(home: Home) -> None:
    send(home, 1, series("d", T0, 10), T0 + HOUR)
    built(home, SITE)
    change_warehouse(home, SITE, OLDER_PREDICTIONS)
    need(not list(home.published.glob("readings_1d/day=2026-*/*.parquet")), "nothing is published yet")
    try:
        publish(home, SITE)
    except duckdb.Error as error:
        raise AssertionError(f"no table is published any more: {str(error).splitlines()[0]}") from error
    assert ask(home.analytics_file, "select count(*)::int from readings_1d") == [(1,)]
    assert ask(home.analytics_file, "select persistence from predictions") == [], "the newer column is there"
