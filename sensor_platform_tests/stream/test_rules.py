"""Rules and maintenance: what is refused, and what a maintenance covers."""

from typing import Any

import msgspec
import pytest

from sensor_platform.stream.rules import AnyRule, Maintenance
from sensor_platform_tests.stream.given import noon


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"kind": "threshold", "name": "", "metric": "m", "above": 1.0}, "name"),
        ({"kind": "threshold", "name": "t", "metric": "m"}, "neither above, below nor outside"),
        ({"kind": "threshold", "name": "t", "metric": "m", "above": 1.0, "for": "long"}, "long"),
        ({"kind": "threshold", "name": "t", "metric": "m", "above": 1.0, "flap": {"within": "long"}}, "long"),
        ({"kind": "count", "name": "c", "metric": "m", "more_than": 2}, "above or below"),
        ({"kind": "count", "name": "c", "metric": "m", "above": 1.0, "below": 0.0, "more_than": 2}, "above or below"),
        ({"kind": "count", "name": "c", "metric": "m", "above": 1.0, "more_than": 2, "window": "10ms"}, "at least 1s"),
        ({"kind": "expression", "name": "e", "when": "temp >"}, "temp >"),
        ({"kind": "expression", "name": "e", "when": "temp > 1", "max_age": "old"}, "old"),
        ({"kind": "stuck", "name": "s", "metric": "m", "sevrity": "critical"}, "sevrity"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_the_reason(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(wrong, AnyRule)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "2026-03-01T04:00", "end": "2026-03-01T02:00"},
        {"start": "2026-03-01T02:00", "end": "2026-03-01T02:00"},
        {"start": "tonight", "end": "2026-03-01T02:00"},
        {"start": "2026-03-01T02:00", "end": "2026-03-01T04:00", "every": "weekly"},
    ],
)
def test_a_maintenance_that_cannot_work_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"start must be before end|tonight|weekly"):
        Maintenance(**wrong)


def test_a_maintenance_covers_its_devices_from_its_start_until_before_its_end() -> None:
    outage = Maintenance(devices="pump-*", start="2026-03-01T12:00", end="2026-03-01T13:00")
    assert [bool(outage.muted_until("pump-1", noon(at))) for at in (-1, 0, 3_599, 3_600)] == [False, True, True, False]
    assert not outage.muted_until("valve-1", noon(60))


def test_a_maintenance_may_be_given_in_another_zone_than_utc() -> None:
    outage = Maintenance(start="2026-03-01T13:00+01:00", end="2026-03-01T14:00+01:00")
    assert [bool(outage.muted_until("a", noon(at))) for at in (-1, 0, 3_600)] == [False, True, False]


@pytest.mark.parametrize(
    ("start", "end"), [("2026-03-01T12:00", "2026-03-01T14:00Z"), ("2026-03-01T12:00+01:00", "2026-03-01")]
)
def test_a_maintenance_with_a_zone_on_one_side_only_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValueError, match="both with a time zone or both without"):
        Maintenance(start=start, end=end)


def test_a_maintenance_that_repeats_covers_every_repetition_but_nothing_before_it() -> None:
    outage = Maintenance(start="2026-03-01T12:00", end="2026-03-01T13:00", every="7d")
    week = 7 * 86_400
    moments = (week + 60, week + 3_600, 5 * week + 60, 60 - week)
    assert [bool(outage.muted_until("a", noon(at))) for at in moments] == [True, False, True, False]
