"""Who measured and when, and what is refused for it."""

import pytest

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.fields import FieldReader, Group
from sensor_platform.reading.identity import Identity, identify
from sensor_platform.reading.plan import make_plan
from sensor_platform.reading.record_plan import RecordKind

NOON = 1_772_366_400
"""Seconds; messages arrive at noon."""
LIMITS = TimeLimits(start=1_262_304_000_000_000, max_future=3_600_000_000)


def identity(*records: tuple[object, object], kept: frozenset[int] = frozenset(), **contract: object) -> Identity:
    """Identity of records given as (id, ts); those with an index in `kept` were retained."""
    made = Contract(name="c", topic="#", **contract)  # type: ignore[arg-type]
    count = len(records)
    batch = MessageBatch(["sensors/dev"] * count, [b""] * count, [NOON * 10**6] * count, retained=kept)
    group = Group(range(count), [[record[0] for record in records], [record[1] for record in records]])
    return identify(make_plan(made, ("id", "ts"), RecordKind.MESSAGE), FieldReader(batch), LIMITS, group)


def rules(found: Identity) -> dict[int, str]:
    return {row: why.rule for row, why in found.bad.items()}


def test_device_and_time_are_those_of_the_record() -> None:
    found = identity(("a", NOON - 5), ("b", NOON))
    assert list(found.devices) == ["a", "b"]
    assert found.event_at == [(NOON - 5) * 10**6, NOON * 10**6]
    assert (found.is_device_time, found.bad) == ([True, True], {})


def test_without_a_time_the_receive_time_counts_unless_one_is_required() -> None:
    found = identity(("a", None))
    assert (found.event_at, found.is_device_time, found.bad) == ([NOON * 10**6], [False], {})
    assert rules(identity(("a", None), time=TimeSource(required=True))) == {0: "no_time"}


def test_a_retained_message_needs_a_time_unless_the_contract_says_otherwise() -> None:
    records = [("a", None), ("b", NOON - 5), ("c", None), ("d", "soon")]
    kept = frozenset({0, 1, 3})
    assert rules(identity(*records, kept=kept)) == {0: "retained_without_time", 3: "bad_time"}
    assert "retained: uncertain" in identity(*records, kept=kept).bad[0].hint
    found = identity(*records, kept=kept, retained="uncertain")
    assert (found.uncertain, rules(found)) == ({0}, {3: "bad_time"})
    assert found.event_at[:3] == [NOON * 10**6, (NOON - 5) * 10**6, NOON * 10**6]
    assert found.pick([2, 0, 1]).uncertain == {1}
    found = identity(*records, kept=kept, retained="accept")
    assert (found.uncertain, rules(found)) == (set(), {3: "bad_time"})
    assert rules(identity(*records, kept=kept, time=TimeSource(required=True)))[0] == "no_time"


def test_without_an_id_the_topic_names_the_device_where_the_contract_says_so() -> None:
    assert list(identity((None, NOON)).devices) == ["dev"]
    found = identity((None, NOON), ("a", NOON), device=ValueSource(field=("id",)))
    assert rules(found) == {0: "no_device"}


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (("x" * 257, NOON), "name_too_long"),
        (("a", "soon"), "bad_time"),
        (("a", NOON + 3_601), "in_the_future"),
        (("a", 1_000_000_000), "before_start"),
    ],
)
def test_only_the_record_that_is_wrong_is_refused(record: tuple[object, object], rule: str) -> None:
    found = identity(("a", NOON), record, ("b", NOON + 3_600))
    assert rules(found) == {1: rule}
    assert found.bad[1].reason


def test_some_records_can_be_picked() -> None:
    picked = identity(("a", NOON), ("b", None)).pick([1])
    assert (list(picked.devices), picked.is_device_time) == (["b"], [False])
