"""Where the fields that describe a record are found."""

from typing import Any

import pytest

from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, TimeSource, ValueSource
from sensor_platform.reading.fields import FieldReader, Group, levels_of
from sensor_platform.reading.plan import make_plan
from sensor_platform.reading.record_plan import Lookup, RecordKind


def reader(count: int = 1, **more: Any) -> FieldReader:
    """Reads a batch of messages of press 7 in hall b."""
    return FieldReader(MessageBatch(["hall/b//press-7"] * count, [b""] * count, [5] * count, **more))


def texts(column: list[object], *, source: ValueSource | None = None, only_text: bool = False) -> list[str | None]:
    group = Group(range(len(column)), [column])
    return list(reader(len(column)).texts(Lookup((0,), source or ValueSource()), group, only_text=only_text))


def test_a_field_of_the_payload_is_taken_as_text() -> None:
    assert texts(["a", "b"]) == ["a", "b"]
    assert texts([7, 8]) == ["7", "8"]
    assert texts(["a", "", None, 7]) == ["a", None, None, "7"]
    assert texts(["a", 7, True], only_text=True) == ["a", None, None]


def test_the_first_column_that_has_something_wins() -> None:
    group = Group([0, 1], [[None, "x"], ["y", "z"]])
    assert list(reader(2).texts(Lookup((0, 1), ValueSource()), group)) == ["y", "x"]


def test_a_record_without_the_field_has_what_the_contract_finds_outside() -> None:
    assert texts(["a", None], source=ValueSource(topic_level=1)) == ["a", "b"]
    assert texts([None], source=ValueSource(constant="c")) == ["c"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (ValueSource(user_property="id", kafka_key=True, topic_level=1, constant="c"), "property"),
        (ValueSource(kafka_key=True, topic_level=1, constant="c"), "key"),
        (ValueSource(topic_level=1, constant="c"), "b"),
        (ValueSource(topic_level=-1), "press-7"),
        (ValueSource(topic_level=2, constant="c"), "c"),
        (ValueSource(topic_level=9), None),
        (ValueSource(user_property="other"), None),
        (ValueSource(), None),
    ],
)
def test_outside_the_payload_the_order_is_property_key_topic_constant(source: ValueSource, found: str | None) -> None:
    fields = reader(user_properties={0: (("id", "property"), ("id", "second"))}, keys={0: b"key"})
    assert fields.outside(source, 0) == found


def test_times_are_read_from_the_first_field_that_has_one() -> None:
    contract = Contract(name="c", topic="#", time=TimeSource(user_property="at"))
    fields = reader(3, user_properties={2: (("at", "1772366402"),)})
    group = Group([0, 1, 2], [[1_772_366_400, None, None], [None, "2026-03-01T12:00:01Z", None]])
    assert fields.times(make_plan(contract, ("timestamp", "ts"), RecordKind.MESSAGE), group) == [
        1_772_366_400_000_000, 1_772_366_401_000_000, 1_772_366_402_000_000,
    ]  # fmt: skip


def test_a_time_that_is_none_is_a_reason() -> None:
    (found,) = reader().times(make_plan(DEFAULT_CONTRACT, ("ts",), RecordKind.MESSAGE), Group([0], [["soon"]]))
    assert isinstance(found, str)
    assert "soon" in found
    assert reader().times(make_plan(DEFAULT_CONTRACT, (), RecordKind.MESSAGE), Group([0], [])) == [None]


def test_some_records_can_be_picked() -> None:
    picked = Group([4, 5, 6], [["a", "b", "c"]]).pick([0, 2])
    assert (picked.messages, picked.columns) == ([4, 6], [["a", "c"]])


@pytest.mark.parametrize(
    ("first", "last", "found"), [(1, -2, "b/c"), (1, 1, "b"), (0, -1, "a/b/c/d"), (3, 1, None), (9, -1, None)]
)
def test_several_levels_of_a_topic(first: int, last: int, found: str | None) -> None:
    assert levels_of("a/b/c/d", first, last) == found
