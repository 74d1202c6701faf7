"""The state machine of one alarm."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.alert_state import FOREVER, AlertState, Event, Observation, Timing
from sensor_platform_tests.stream.given import SECOND, noon

NO_WAIT = Timing()


def seen(seconds: float, raw: int, *, hold: int | None = None, value: float = 1.0, delay: float = 0.0) -> Observation:
    return Observation(noon(seconds), noon(seconds + delay), value, raw, raw if hold is None else hold)


def alert() -> AlertState:
    return AlertState("hot", "oven", "temp")


def kinds(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.kind, event.level) for event in events]


def test_it_fires_and_is_resolved() -> None:
    one = alert()
    (fired,) = one.observe(seen(0, 1, value=61.0), NO_WAIT)
    assert (fired.kind, fired.level, fired.at, fired.value) == ("fired", 1, noon(0), 61.0)
    assert (fired.rule, fired.device_id, fired.metric) == ("hot", "oven", "temp")
    assert one.state == "firing"
    (resolved,) = one.observe(seen(1, 0), NO_WAIT)
    assert (resolved.kind, resolved.alert_id) == ("resolved", fired.alert_id)
    assert one.state == "ok"


def test_it_escalates_eases_and_is_resolved_with_the_highest_level_that_it_had() -> None:
    one = alert()
    events = [event for at, raw in enumerate([1, 2, 1, 0]) for event in one.observe(seen(at, raw), NO_WAIT)]
    assert kinds(events) == [("fired", 1), ("escalated", 2), ("eased", 1), ("resolved", 2)]
    assert len({event.alert_id for event in events}) == 1


def test_it_is_held_between_the_limit_and_its_margin() -> None:
    one = alert()
    one.observe(seen(0, 1), NO_WAIT)
    assert one.observe(seen(1, 0, hold=1), NO_WAIT) == []
    assert one.state == "firing"
    assert alert().observe(seen(1, 0, hold=1), NO_WAIT) == []


def test_the_condition_must_hold_without_a_break_for_as_long_as_the_rule_says() -> None:
    timing, one = Timing(wait=5 * SECOND), alert()
    assert one.observe(seen(0, 1), timing) == []
    assert one.state == "pending"
    assert one.observe(seen(4, 0), timing) == []
    assert one.state == "ok"
    assert one.observe(seen(5, 1), timing) == []
    assert kinds(one.observe(seen(10, 1), timing)) == [("fired", 1)]


def test_a_wait_ends_by_the_clock_although_nothing_comes() -> None:
    timing, one = Timing(wait=5 * SECOND), alert()
    one.observe(seen(0, 1, delay=2), timing)
    assert one.next_deadline(timing) == noon(7)
    assert one.until(noon(7) - 1, timing) == []
    (fired,) = one.until(noon(60), timing)
    assert (fired.kind, fired.noticed_at) == ("fired", noon(7))


def test_it_must_be_gone_for_as_long_as_the_rule_says() -> None:
    timing, one = Timing(clear=5 * SECOND), alert()
    one.observe(seen(0, 1), timing)
    assert one.observe(seen(1, 0), timing) == []
    assert one.observe(seen(3, 1), timing) == []
    assert one.observe(seen(4, 0), timing) == []
    assert kinds(one.until(noon(8.9), timing)) == []
    assert kinds(one.until(noon(9), timing)) == [("resolved", 1)]


def test_it_reminds_until_somebody_has_seen_it() -> None:
    timing, one = Timing(renotify=60 * SECOND), alert()
    one.observe(seen(0, 1), timing)
    assert [event.noticed_at for event in one.until(noon(150), timing)] == [noon(60), noon(120)]
    (acknowledged,) = one.acknowledge("Ada", noon(155))
    assert (acknowledged.kind, acknowledged.by) == ("acknowledged", "Ada")
    assert one.state == "acknowledged"
    assert one.acknowledge("Bob", noon(156)) == []
    assert one.until(noon(900), timing) == []
    assert one.next_deadline(timing) == FOREVER


def test_an_alarm_that_is_over_cannot_be_acknowledged() -> None:
    assert alert().acknowledge("Ada", noon(0)) == []


def test_more_firings_than_allowed_within_a_while_notify_nobody_until_it_is_calm() -> None:
    timing, one = Timing(flap_most=2, flap_within=60 * SECOND), alert()
    suppressed = []
    for at in (0, 10, 20, 200):
        suppressed += [event.suppressed for event in one.observe(seen(at, 1), timing)]
        one.observe(seen(at + 1, 0), timing)
    assert suppressed == ["", "", "flapping", ""]


def test_it_is_forgotten_when_nothing_of_it_is_left() -> None:
    timing, one = Timing(flap_most=2, flap_within=60 * SECOND), alert()
    assert one.is_forgettable(noon(0), timing)
    one.observe(seen(0, 1), timing)
    assert not one.is_forgettable(noon(5), timing)
    one.observe(seen(1, 0), timing)
    assert not one.is_forgettable(noon(30), timing), "it counts as a firing for a minute"
    assert one.is_forgettable(noon(61), timing)


def test_each_event_has_a_key_of_its_own_also_at_one_moment() -> None:
    one = alert()
    events = [event for raw in (1, 0, 1, 2, 0) for event in one.observe(seen(0, raw), NO_WAIT)]
    assert len({event.key for event in events}) == len(events) == 5


def test_a_value_that_is_no_number_is_none() -> None:
    assert alert().observe(seen(0, 1, value=float("nan")), NO_WAIT)[0].value is None


steps = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0, 0, 1, 2])), max_size=25)
timings = st.builds(Timing, *[st.sampled_from([0, 3 * SECOND, 7 * SECOND])] * 3)


@settings(max_examples=50, deadline=None)
@given(steps, timings, st.lists(st.integers(0, 200), max_size=8))
def test_looking_in_between_changes_nothing(some: list[tuple[int, int]], timing: Timing, looks: list[int]) -> None:
    def events(extra: list[int]) -> list[Any]:
        one, now, found = alert(), 0, []
        for pause, raw in some:
            for look in sorted(each for each in extra if now <= each < now + pause):
                found += one.until(noon(look), timing)
            now += pause
            found += one.observe(seen(now, raw), timing)
        return [*found, *one.until(noon(now + 10), timing)]

    assert events(looks) == events([])


def muted_between(first: float, last: float) -> Timing:
    def until(_device: str, at: int) -> int:
        return noon(last) if noon(first) <= at < noon(last) else 0

    return Timing(muted_until=until)


def told(events: list[Event]) -> list[str]:
    """What people hear of events."""
    return [event.tells or event.kind for event in events if not event.suppressed]


def test_what_stands_at_the_end_of_a_maintenance_is_told_then() -> None:
    timing, one = muted_between(0, 60), alert()
    assert told(one.observe(seen(5, 1), timing)) == []
    assert told(one.until(noon(59), timing)) == []
    (unmuted,) = one.until(noon(100), timing)
    assert (unmuted.kind, unmuted.tells, unmuted.level, unmuted.noticed_at) == ("unmuted", "fired", 1, noon(60))
    assert told(one.observe(seen(101, 0), timing)) == ["resolved"]


def test_the_level_at_the_end_of_a_maintenance_is_told_if_it_is_another_than_was_told() -> None:
    timing, one = muted_between(5, 60), alert()
    assert told(one.observe(seen(0, 1), timing)) == ["fired"]
    assert told(one.observe(seen(10, 2), timing)) == []
    assert told(one.until(noon(60), timing)) == ["escalated"]
    timing, one = muted_between(5, 60), alert()
    assert told(one.observe(seen(0, 2), timing)) == ["fired"]
    assert told(one.observe(seen(10, 1), timing)) == []
    assert told(one.observe(seen(20, 2), timing)) == []
    assert told(one.until(noon(90), timing)) == [], "people know the level already"


def test_an_end_is_told_at_once_where_the_alert_was_told_and_never_else() -> None:
    timing, one = muted_between(5, 60), alert()
    one.observe(seen(0, 1), timing)
    assert told(one.observe(seen(10, 0), timing)) == ["resolved"]
    assert told(one.observe(seen(20, 1), timing)) == []
    (resolved,) = one.observe(seen(30, 0), timing)
    assert resolved.suppressed == "untold"


def test_a_level_that_no_flapping_reached_before_is_told_once() -> None:
    timing, one = Timing(flap_most=1, flap_within=100 * SECOND), alert()
    levels = [1, 0, 1, 0, 2, 0, 2]
    heard = [told(one.observe(seen(at, raw), timing)) for at, raw in enumerate(levels)]
    assert heard == [["fired"], ["resolved"], [], [], ["fired"], ["resolved"], []]
    (unmuted,) = one.until(noon(200), timing)
    assert (unmuted.tells, unmuted.level, unmuted.noticed_at) == ("fired", 2, noon(104))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(0, 8), st.integers(1, 8), st.booleans())
def test_what_people_know_is_so_whenever_nothing_mutes(levels: list[int], first: int, size: int, flaps: bool) -> None:
    mutes = muted_between(first, first + size)
    timing = replace(mutes, flap_most=1, flap_within=4 * SECOND) if flaps else mutes
    one, known = alert(), {}
    for event in [e for at, raw in enumerate(levels) for e in one.observe(seen(at, raw), timing)]:
        if not event.suppressed:
            known[event.alert_id] = 0 if event.kind == "resolved" else event.level
    for event in one.until(noon(100), timing):
        assert not event.suppressed
        known[event.alert_id] = event.level
    assert {name: level for name, level in known.items() if level} == ({one.alert_id: one.level} if one.level else {})


def test_a_state_of_an_earlier_version_was_told_unless_it_was_muted() -> None:
    for timing, level in ((NO_WAIT, 1), (muted_between(0, 60), 0)):
        one = alert()
        one.observe(seen(5, 1), timing)
        one.told_level = 0
        one.note_what_was_told(timing)
        assert one.told_level == level
