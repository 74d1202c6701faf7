"""What each field of a shape of record means under a contract."""

from typing import Any

import pytest

from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.plan import make_plan, name_error, tags_path
from sensor_platform.reading.record_plan import RecordKind, RecordPlan


def plan(*keys: str, kind: RecordKind = RecordKind.MESSAGE, **contract: Any) -> RecordPlan:
    return make_plan(Contract(name="c", topic="#", **contract), keys, kind)


def metrics(found: RecordPlan) -> list[str]:
    return [metric.metric for metric in found.metrics]


def test_fields_are_found_regardless_of_case_and_underscores() -> None:
    found = plan("deviceId", "TIMESTAMP", "Seq", "t")
    assert (found.device.columns, found.time, found.message_id.columns) == ((0,), (1,), (2,))
    assert metrics(found) == ["t"]


def test_what_no_role_claims_is_a_metric_but_for_what_is_ignored_and_it_may_be_renamed() -> None:
    found = plan("id", "t", "a.b", "a.c", "h", ignore=("a",), rename={"T": "temperature"})
    assert metrics(found) == ["temperature", "h"]


def test_a_record_with_the_name_of_a_metric_and_a_value_is_long() -> None:
    assert plan("id", "metric", "value").is_long
    assert not plan("id", "metric", "t").is_long
    assert not plan("id", "metric", "value", layout="wide").is_long
    assert plan("id", "t", layout="long").is_long


@pytest.mark.parametrize(
    ("unknown", "wanted", "refused"),
    [("evolve", ["t", "x"], []), ("ignore", ["t"], []), ("quarantine", ["t"], ["unknown_field"])],
)
def test_fields_that_are_not_known_are_taken_ignored_or_refused(
    unknown: str, wanted: list[str], refused: list[str]
) -> None:
    found = plan("id", "t", "x", metrics=("t",), unknown_fields=unknown)
    assert metrics(found) == wanted
    assert [each.rule for each in found.refused] == refused


def test_texts_of_unit_and_quality_describe_and_are_no_readings() -> None:
    found = plan("id", "t", "unit", "quality")
    assert {each.metric: each.takes_text for each in found.metrics} == {"t": True, "unit": False, "quality": False}
    assert (found.unit.columns, found.quality.columns) == ((2,), (3,))


def test_members_of_the_object_of_tags_are_tags_by_their_own_name() -> None:
    found = plan("id", "meta.line", "meta.hall", "t", tags_in="meta", tags={"hall": ValueSource(constant="b")})
    assert {name: (look.columns, look.source.constant) for name, look in found.tags} == {
        "hall": ((), "b"), "line": ((1,), None),
    }  # fmt: skip
    assert metrics(found) == ["t"]


def test_an_array_of_samples_is_opened_in_a_message_only() -> None:
    assert plan("id", "samples").samples == 1
    assert plan("id", "samples").unfolds
    assert plan("id", "samples", kind=RecordKind.SAMPLE).samples is None
    assert plan("id", "samples", layout="nested").samples is None
    assert not plan("id", "samples", layout="wide").unfolds


def test_metrics_are_required_of_messages_and_samples_but_not_of_what_is_around_samples() -> None:
    assert plan("t", required_metrics=("t",)).required == ("t",)
    assert plan("t", kind=RecordKind.OUTER, required_metrics=("t",)).required == ()


def test_what_can_be_nowhere_is_not_possible() -> None:
    assert not plan("t", metric=ValueSource(field=("name",))).metric.is_possible
    assert plan("t", metric=ValueSource(topic_level=0)).metric.is_possible


@pytest.mark.parametrize(("name", "rule"), [("", "no_metric"), ("  ", "no_metric"), ("x" * 257, "name_too_long")])
def test_a_name_that_cannot_be_a_metric_is_refused(name: str, rule: str) -> None:
    found = name_error(name)
    assert found is not None
    assert found[0] == rule
    assert name_error("x" * 256) is None
    assert [each.rule for each in plan("id", name).refused] == [rule]


def test_the_place_of_tags() -> None:
    contract = Contract(name="c", topic="#", tags={"l": ValueSource(field=("Line",))})
    assert tags_path(contract) is None
    assert tags_path(Contract(name="c", topic="#", encoding="influx")) == "tags"
