"""Quarantine files are compacted as landing files are, and a publish looks only at those that are new."""

from sensor_platform_tests.field.core.homes import HOUR, MINUTE, T0, send, series, upkeep
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, audit, publish
from sensor_platform_tests.field.core.tables import ask, built, site_with
from sensor_platform_tests.field.core.work import work_of

SITE = site_with()


def send_garbage(home: Home, first: int, count: int) -> None:
    """Segments a minute apart, with one refused message each."""
    for seq in range(first, first + count):
        send(home, seq, [b"garbage"], T0 + seq * MINUTE // 10)


def test_core_18_quarantine_files_of_a_closed_hour_become_one(home: Home) -> None:
    send_garbage(home, 1, 10)
    for hours in (2, 4, 6):
        upkeep(home, T0 + hours * HOUR)
    built(home, SITE, is_published=True)
    need(ask(home.analytics_file, "select count(*)::int from quarantine") == [(10,)], "every message is published")
    need(audit(home).difference == 0, "every message has one fate")
    left = len(list(home.quarantine.glob("*/*.parquet")))
    assert left == 1, f"{left} quarantine files of one hour"


def test_core_18_a_publish_without_news_does_not_look_at_every_quarantine_file(home: Home) -> None:
    send(home, 900, series("d", T0, 1), T0)
    send_garbage(home, 1, 5)
    built(home, SITE, is_published=True)
    few = work_of(lambda: publish(home, SITE))
    send_garbage(home, 6, 20)
    publish(home, SITE)
    many = work_of(lambda: publish(home, SITE))
    each = (many - few) / 20
    assert each < 5, f"a publish without news takes {each:.0f} steps for each quarantine file that was there before"
