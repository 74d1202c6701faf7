"""Nested objects and arrays of samples as flat records."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.contract import Contract
from sensor_platform.reading.record_plan import RecordKind
from sensor_platform.reading.unfold import MAX_DEPTH, Unfolded, unfold

Fields = dict[str, Any]


def unfolded(content: Fields, **contract: Any) -> Unfolded:
    return unfold(Contract(name="c", topic="#", **contract), content)


def test_fields_of_objects_have_dotted_paths() -> None:
    found = unfolded({"id": "a", "motor": {"t": 1, "bearing": {"rms": 2}}, "list": [1]})
    assert found.records == [(RecordKind.MESSAGE, {"id": "a", "motor.t": 1, "motor.bearing.rms": 2, "list": [1]})]
    assert found.rejected == []


def test_samples_take_over_who_and_when_from_around_them() -> None:
    content = {"id": "a", "ts": 5, "seq": 9, "samples": [{"t": 1}, {"t": 2, "time": 6}]}
    assert unfolded(content).records == [
        (RecordKind.SAMPLE, {"id": "a", "ts": 5, "seq": "9#0", "t": 1}),
        (RecordKind.SAMPLE, {"id": "a", "seq": "9#1", "t": 2, "time": 6}),
    ]


def test_what_is_measured_around_samples_is_a_record_of_its_own() -> None:
    found = unfolded({"id": "a", "battery": 3, "samples": [{"t": 1}]})
    assert found.records == [
        (RecordKind.OUTER, {"id": "a", "battery": 3}),
        (RecordKind.SAMPLE, {"id": "a", "t": 1}),
    ]


def test_the_array_may_have_another_name_or_be_no_array_of_samples() -> None:
    content = {"id": "a", "data": {"points": [{"t": 1}]}}
    assert unfolded(content, samples="Data.Points").records == [(RecordKind.SAMPLE, {"id": "a", "t": 1})]
    ((kind, fields),) = unfolded({"id": "a", "samples": [{"t": 1}]}, layout="nested").records
    assert (kind, fields["samples"]) == (RecordKind.MESSAGE, [{"t": 1}])


def test_a_sample_that_is_no_object_is_refused_and_the_others_are_not() -> None:
    found = unfolded({"id": "a", "samples": [{"t": 1}, 7]})
    assert len(found.records) == 1
    assert [(why.rule, why.reason) for why in found.rejected] == [("not_an_object", "sample 1 is not an object")]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2 * MAX_DEPTH))
def test_objects_are_opened_as_deep_as_allowed_and_refused_beyond(depth: int) -> None:
    content: Fields = {"t": 1}
    for _ in range(depth - 1):
        content = {"o": content}
    found = unfolded({**content, "x": 1})
    ((_, fields),) = found.records
    if depth <= MAX_DEPTH:
        assert fields == {"o." * (depth - 1) + "t": 1, "x": 1}
    else:
        assert fields == {"x": 1}
        assert [why.rule for why in found.rejected] == ["too_deep"]
