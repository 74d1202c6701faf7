"""Gap-filled views: every window of the grid up to the limit, marked where it was filled."""

from datetime import datetime, timedelta

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading
from sensor_platform_tests.warehouse.queries import ask

SITE = SiteStub(warehouse=WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5, fill_minutes=3, fill_hours=2))


def publish_minutes(home: Home, landing: Landing, noon: datetime, values: dict[int, float]) -> None:
    landing.land([reading("d", "m", noon + timedelta(minutes=m), value) for m, value in values.items()])
    assert build(home, SITE).is_ok
    publish(home, SITE)


def test_a_gap_within_the_limit_is_filled_and_marked(home: Home, landing: Landing, noon: datetime) -> None:
    publish_minutes(home, landing, noon, {0: 10.0, 4: 30.0, 5: 40.0})
    found = ask(
        home.analytics_file,
        "select date_part('minute', window_start), n, mean, mean_locf, mean_linear, is_filled from readings_1m_filled"
        " order by window_start",
    )
    assert found == [
        (0, 1, 10.0, 10.0, 10.0, False),
        (1, 0, None, 10.0, 15.0, True),
        (2, 0, None, 10.0, 20.0, True),
        (3, 0, None, 10.0, 25.0, True),
        (4, 1, 30.0, 30.0, 30.0, False),
        (5, 1, 40.0, 40.0, 40.0, False),
    ]


def test_a_longer_gap_is_carried_forward_up_to_the_limit_and_never_drawn_as_a_line(
    home: Home, landing: Landing, noon: datetime
) -> None:
    publish_minutes(home, landing, noon, {0: 10.0, 6: 30.0})
    found = ask(
        home.analytics_file,
        "select date_part('minute', window_start), mean_locf, mean_linear from readings_1m_filled"
        " order by window_start",
    )
    assert found == [(0, 10.0, 10.0), (1, 10.0, None), (2, 10.0, None), (3, 10.0, None), (6, 30.0, 30.0)]


def test_a_window_of_bad_readings_is_a_gap_and_hours_are_filled_alike(
    home: Home, landing: Landing, noon: datetime
) -> None:
    rows = [reading("d", "m", noon + timedelta(hours=h), float(h)) for h in (0, 2)]
    landing.land([*rows, reading("d", "m", noon + timedelta(hours=1), 5.0, quality="bad")])
    assert build(home, SITE).is_ok
    publish(home, SITE)
    found = ask(home.analytics_file, "select mean_linear, is_filled from readings_1h_filled order by window_start")
    assert found == [(0.0, False), (1.0, True), (2.0, False)]


def test_a_part_of_the_filled_view_equals_the_whole_there(home: Home, landing: Landing, noon: datetime) -> None:
    minutes = {m: float(m * m) for m in range(0, 300, 4) if m % 3}
    publish_minutes(home, landing, noon + timedelta(hours=10), minutes)
    first, last = noon + timedelta(hours=11), noon + timedelta(hours=13, minutes=7)
    between = f"timestamp '{first}', timestamp '{last}'"
    part = ask(home.analytics_file, f"select * from readings_1m_filled_between({between}) order by all")
    whole = ask(
        home.analytics_file,
        f"select * from readings_1m_filled where window_start >= '{first}' and window_start < '{last}' order by all",
    )
    assert part == whole
    assert len(part) > 80
