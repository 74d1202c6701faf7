"""The hourly upkeep job."""

from datetime import timedelta

from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)


def test_upkeep_compacts_closed_hours_and_no_table_changes(platform: Platform) -> None:
    day = TODAY - timedelta(days=1)
    for minute in range(4):
        platform.arrive(("d1", at(day, 10, minute), float(minute)))
    assert platform.run(day).success
    assert platform.execute("upkeep", {}).success
    assert len(list(platform.home.landing.glob("*/compact-*.parquet"))) == 1
    assert platform.run(day).success
    assert platform.analysts("select count(*), sum(value) from readings_clean") == [(4, 6.0)]
