"""`warehouse.chunk_readings` bounds the builds that the ledger sensor asks for, as it bounds a rebuild of days."""

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.field.core.tables import asked, site_with


def test_core_20_a_build_of_dirty_days_is_cut_by_its_readings(home: Home) -> None:
    site = site_with(warehouse={"chunk_readings": 100})
    for day in range(3):
        send(home, day + 1, series("d", T0 + day * DAY, 150), T0 + day * DAY + HOUR)
    report = asked(home, site)
    need(report.is_ok, "the build succeeds")
    assert report.chunks >= 3, f"{report.chunks} chunk(s) for 450 readings of three days, 100 at most in each"
