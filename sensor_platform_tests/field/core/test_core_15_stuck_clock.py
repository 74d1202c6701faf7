"""One device with a stuck clock does not keep the landing files of all others for ever, or the plan names it."""

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.field.core.tables import built, retain, site_with

SITE = site_with(retention={"landing_days": 3})
DAYS = 9


def landing_left(home: Home, *, with_stuck: bool) -> tuple[int, list[object]]:
    """Landing files after retention, and what it gives as reasons for those that stay."""
    for day in range(DAYS):
        start = T0 + day * DAY
        stuck = [{"device_id": "stuck", "ts": T0 / 1e6, "t": 1.0}] if with_stuck and day % 2 == 1 else []
        send(home, day + 1, [*series("good", start, 5), *stuck], start + HOUR)
    built(home, SITE, is_published=True)
    done = retain(home, SITE, T0 + DAYS * DAY)
    return len(list(home.landing.glob("*/*.parquet"))), [kept for kept in done.kept if kept.table == "landing"]


def test_core_15_without_a_stuck_clock_old_landing_files_go(home: Home) -> None:
    left, kept = landing_left(home, with_stuck=False)
    assert left <= SITE.retention.landing_days + 3
    assert not kept


def test_core_15_with_a_stuck_clock_they_go_too_or_the_reason_is_named(home: Home) -> None:
    left, kept = landing_left(home, with_stuck=True)
    need(left <= DAYS, "one file a day")
    assert left < DAYS or kept, f"all {left} files stay and no reason is given"
