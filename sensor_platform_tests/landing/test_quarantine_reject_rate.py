"""How much of what arrives is refused."""

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.quarantine.reject_rate import Level, QuarantineRate, quarantine_rate
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment


def rate(home: Home, now: int = T0) -> QuarantineRate:
    return quarantine_rate(home, now, hours=2, warn_share=0.1, fail_share=0.5)


def test_without_a_ledger_nothing_is_wrong(home: Home) -> None:
    found = rate(home)
    assert (found.received, found.share, found.level) == (0, 0.0, Level.GOOD)


@pytest.mark.parametrize(("bad", "level"), [(1, Level.GOOD), (2, Level.AMBER), (5, Level.AMBER), (6, Level.RED)])
def test_the_level_follows_the_share_of_the_newest_hours(home: Home, bad: int, level: Level) -> None:
    messages = [Message(b"\x00")] * bad + [Message(b'{"id":"a","t":1}')] * (10 - bad)
    seal_segment(home, 1, messages)
    land_all(home)
    found = rate(home, T0 + HOUR)
    assert (found.share, found.level) == (bad / 10, level)
    assert found.sentence == f"{bad} of 10 messages of the last 2 hours are quarantined"
    assert rate(home, T0 + 2 * HOUR).received == 0
