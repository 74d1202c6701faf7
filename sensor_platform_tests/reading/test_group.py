"""Groups of records of one shape, read column by column."""

from typing import Any

from sensor_platform.reading.batch import Decoded, MessageBatch, TimeLimits
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.encodings import decoder_for
from sensor_platform.reading.fields import Group
from sensor_platform.reading.group import GroupReader
from sensor_platform.reading.plan import make_plan
from sensor_platform.reading.record_plan import RecordKind

NOON = 1_772_366_400_000_000
LIMITS = TimeLimits(0, 3_600_000_000)


def read(keys: tuple[str, ...], *records: tuple[object, ...], **contract: Any) -> Decoded:
    """What records of one shape become, one message each."""
    count = len(records)
    made = Contract(name="c", topic="#", **contract)
    batch = MessageBatch(["sensors/dev"] * count, [b""] * count, [NOON] * count)
    out = Decoded(has_reading=bytearray(count))
    reader = GroupReader(batch, LIMITS, out)
    reader.use(made, decoder_for(made))
    columns = [[record[column] for record in records] for column in range(len(keys))]
    reader.read(make_plan(made, keys, RecordKind.MESSAGE), Group(range(count), columns))
    return out


def readings(out: Decoded) -> list[tuple[str, str, object, str | None]]:
    """Device, metric, value or text, and unit."""
    found: list[tuple[str, str, object, str | None]] = []
    for block in out.blocks:
        for row, record in enumerate(block.record):
            metric = block.metric if isinstance(block.metric, str) else block.metric[row]
            value = block.value[row] if block.value is not None else (block.text or "")[row]
            unit = (block.unit or out.records.unit[record]) if block.is_described else None
            found.append((out.records.device_id[record], metric, value, unit))
    return sorted(found, key=repr)


def rules(out: Decoded) -> list[tuple[int, str]]:
    return [(message, why.rule) for message, why in out.rejected]


def test_every_field_of_a_wide_record_is_a_reading() -> None:
    out = read(("id", "t", "state"), ("a", 1, "RUN"), ("b", 2.5, None))
    assert readings(out) == [("a", "state", "RUN", None), ("a", "t", 1.0, None), ("b", "t", 2.5, None)]
    assert (out.rejected, bytes(out.has_reading)) == ([], b"\1\1")


def test_a_long_record_is_one_reading_whose_other_texts_are_tags() -> None:
    out = read(("id", "metric", "value", "unit", "line"), ("a", "t", 1, "degC", "L1"), ("a", "h", 2, None, None))
    assert readings(out) == [("a", "h", 2.0, None), ("a", "t", 1.0, "degC")]
    assert [dict(out.tag_sets[number]) for number in out.records.tags] == [{"line": "L1"}, {}]


def test_a_value_that_is_none_is_refused_and_the_others_of_its_record_are_not() -> None:
    out = read(("id", "t", "h"), ("a", float("nan"), 1))
    assert readings(out) == [("a", "h", 1.0, None)]
    assert [(why.rule, why.device_id, why.metric) for _, why in out.rejected] == [("not_a_number", "a", "t")]


def test_a_record_that_lacks_what_is_required_is_refused_whole() -> None:
    out = read(("id", "t", "h"), ("a", 1, 2), ("b", None, 2), required_metrics=("t",))
    assert {row[0] for row in readings(out)} == {"a"}
    assert rules(out) == [(1, "missing_required_metric")]
    assert bytes(out.has_reading) == b"\1\0"


def test_a_long_record_without_name_or_value_is_refused() -> None:
    out = read(("id", "metric", "value"), ("a", "", 1), ("a", "t", None), ("a", "t", 1))
    assert readings(out) == [("a", "t", 1.0, None)]
    assert sorted(rules(out)) == [(0, "no_metric"), (1, "no_value")]


def test_metrics_that_are_not_known_are_refused_where_the_contract_says_so() -> None:
    known = {"metrics": ("t",), "unknown_fields": "quarantine"}
    assert rules(read(("id", "metric", "value"), ("a", "x", 1), ("a", "t", 1), **known)) == [(0, "unknown_field")]
    assert rules(read(("id", "t", "x"), ("a", 1, 1), **known)) == [(0, "unknown_field")]


def test_values_are_converted_to_the_unit_of_their_metric_and_keep_the_old_one_as_a_tag() -> None:
    out = read(("id", "t", "unit"), ("a", 212, "degF"), ("a", 5, "degC"), units={"t": "degC"})
    assert [(round(row[2], 6), row[3]) for row in readings(out) if isinstance(row[2], float)] == [
        (100.0, "degC"), (5.0, "degC"),
    ]  # fmt: skip
    assert [dict(out.tag_sets[number]) for number in out.records.tags] == [{"original_unit": "degF"}, {}]


def test_a_unit_that_cannot_be_converted_makes_the_value_uncertain() -> None:
    out = read(("id", "t", "unit"), ("a", 5, "bar"), units={"t": "degC"})
    assert readings(out) == [("a", "t", 5.0, "bar")]
    assert [block.quality for block in out.blocks] == ["uncertain"]


def test_a_text_that_means_a_number_is_both() -> None:
    out = read(("id", "door"), ("a", "Open "), ("a", "ajar"), values={"door": {"open": 1.0, "shut": 0.0}})
    both = next(block for block in out.blocks if block.value is not None)
    assert (list(both.value or []), list(both.text or [])) == ([1.0], ["Open "])
    assert ("a", "door", "ajar", None) in readings(out)


def test_equal_tags_are_stored_once() -> None:
    tags = {"site": ValueSource(field=("site",))}
    out = read(("id", "t", "site"), *[("a", 1, "n"), ("b", 1, "s"), ("c", 1, "n")], tags=tags)
    assert out.records.tags == [1, 2, 1]
    assert out.tag_sets == [(), (("site", "n"),), (("site", "s"),)]
