"""How many of the devices that were heard of recently are fresh."""

from collections.abc import Sequence

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, MINUTE, SECOND
from sensor_platform.landing.device_freshness import Devices, FreshnessLimits, names, recent_devices
from sensor_platform.landing.ledger import Heard, newest_event, open_ledger
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment

LIMITS = FreshnessLimits()


def send(home: Home, number: int, devices: Sequence[str], at: int, ahead: int = 0) -> None:
    """Each device sends one reading, whose time may be ahead of its arrival."""
    messages = [Message(b'{"id":"%s","ts":%d,"t":1}' % (name.encode(), (at + ahead) // SECOND)) for name in devices]
    seal_segment(home, number, messages, received_at=at)
    land_all(home, now=at + SECOND)


def devices_at(home: Home, now: int) -> Devices:
    with open_ledger(home) as ledger:
        return recent_devices(ledger, 24, now)


def test_one_fast_clock_does_not_hide_that_all_others_are_silent(home: Home) -> None:
    send(home, 1, [f"d{number}" for number in range(90)], T0)
    send(home, 2, ["fast"], T0 + 5 * HOUR, ahead=55 * MINUTE)
    now = T0 + 5 * HOUR + 10 * SECOND
    found = devices_at(home, now)
    assert (len(found.rows), found.fresh(15)) == (91, 1)
    assert found.problem(LIMITS) == "1 of 91 devices are fresh within 15 minutes"
    assert found.ahead == (("fast", 55.0),)
    with open_ledger(home) as ledger:
        assert newest_event(ledger, 500, now) == T0 + 5 * HOUR + SECOND, "not later than its arrival"


def test_a_fast_clock_among_fresh_devices_is_named(home: Home) -> None:
    send(home, 1, ["a", "b"], T0)
    send(home, 2, ["fast"], T0, ahead=55 * MINUTE)
    assert devices_at(home, T0 + MINUTE).problem(LIMITS) == "clocks are ahead: fast by 55 minutes"
    send(home, 3, ["fast"], T0 + MINUTE)
    assert devices_at(home, T0 + MINUTE).problem(LIMITS) == "", "its clock was set right"


def test_a_segment_by_a_clock_of_years_ahead_makes_nothing_fresh(home: Home) -> None:
    send(home, 1, ["a"], T0)
    send(home, 2, ["b"], T0 + 1000 * DAY)
    now = T0 + 2 * HOUR
    with open_ledger(home) as ledger:
        assert newest_event(ledger, 500, now) == T0
    found = devices_at(home, now)
    assert found.fresh(15) == 0
    assert [name for name, _ in found.ahead] == ["b"]


def test_a_device_that_sends_once_an_hour_is_fresh_in_between_and_one_that_is_gone_counts_no_more(home: Home) -> None:
    for hour in range(3):
        send(home, 2 * hour, ["hourly"], T0 + hour * HOUR)
    send(home, 99, ["gone"], T0)
    assert devices_at(home, T0 + 2 * HOUR + 50 * MINUTE).fresh(15) == 1
    assert devices_at(home, T0 + 6 * HOUR).fresh(15) == 0, "three of its pauses are over"
    assert len(devices_at(home, T0 + 6 * HOUR).rows) == 2
    assert len(devices_at(home, T0 + 25 * HOUR).rows) == 1


def test_a_layer_that_has_not_seen_the_newest_events_is_judged_by_what_it_has_seen() -> None:
    found = Devices(T0, (Heard("a", T0, T0, 0, 0), Heard("b", T0, T0 - HOUR, 0, 0)))
    assert (found.fresh(15), found.fresh(15, until=T0 - HOUR), found.fresh(60)) == (1, 0, 2)
    assert names([(f"d{number}", 3.0) for number in range(5)]).endswith("d2 by 3 minutes and 2 more")
