"""A column that a later version adds: published days that were restored below the landing floor can be read with it."""

import duckdb
import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, publish
from sensor_platform_tests.field.core.tables import ask, built, change_warehouse, rebuild, retain, site_with

SITE = site_with(retention={"landing_days": 40})
ROWS = "select count(*)::int from readings_1d"


@pytest.mark.field_slow
def test_core_23_a_new_column_reads_as_null_where_a_day_was_restored(home: Home) -> None:
    for seq, day in enumerate((0, 59), 1):
        send(home, seq, series("d", T0 + day * DAY, 20), T0 + day * DAY + HOUR)
    built(home, SITE, is_published=True)
    need(
        retain(home, SITE, T0 + 60 * DAY, is_confirmed=True).floor is not None,
        "the old day lies below the landing floor",
    )
    need(rebuild(home, SITE).restored.get("readings_1d") == 1, "the old day comes back from its published pieces")
    publish(home, SITE)
    need(ask(home.analytics_file, ROWS) == [(2,)], "both days are published")
    change_warehouse(home, SITE, "alter table readings_1d add column p95 double")
    for _ in range(2):
        publish(home, SITE)
    try:
        found = ask(home.analytics_file, "select day, p95 from readings_1d")
    except duckdb.Error as error:
        raise AssertionError(f"the published table cannot be read: {str(error).splitlines()[0]}") from error
    assert [value for _, value in found] == [None, None]
