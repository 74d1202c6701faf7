"""Sparkplug B: births name metrics, data refers to them, a missing birth is asked for, sequence gaps are seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.batch import Decoded, MessageBatch
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.memory import Memory, load_nodes
from sensor_platform.reading.sparkplug.protobuf_schema import Payload, rebirth_command
from sensor_platform_tests.reading.conftest import LIMITS
from sensor_platform_tests.reading.sparkplug_messages import AT, CONTRACT, birth, payload


def decoded(decoder: Decoder, *messages: tuple[str, bytes]) -> Decoded:
    topics = [f"spBv1.0/{topic}" for topic, _ in messages]
    return decoder.decode(MessageBatch(topics, [content for _, content in messages], [AT * 1000 + 5] * len(messages)))


def readings(out: Decoded) -> list[tuple[str, str, float | str]]:
    found = []
    for block in out.blocks:
        for row, record in enumerate(block.record):
            metric = block.metric if isinstance(block.metric, str) else block.metric[row]
            value = block.value[row] if block.value is not None else (block.text or [""])[row]
            found.append((out.records.device_id[record], metric, value))
    return sorted(found, key=repr)


def test_births_name_metrics_and_data_refers_to_them_by_alias() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    out = decoded(
        decoder,
        ("g/NBIRTH/n", birth()),
        ("g/NDATA/n", payload(1, {"alias": 1, "double_value": 21.5}, {"alias": 2, "int_value": 2**32 - 5})),
        (
            "g/NDATA/n",
            payload(2, {"alias": 3, "is_null": True}, {"alias": 1, "double_value": 22.0, "timestamp": AT + 1}),
        ),
    )
    assert readings(out) == sorted(
        [
            ("g/n", "online", 1.0), ("g/n", "t", 20.5), ("g/n", "n", 7.0), ("g/n", "s", "RUN"),
            ("g/n", "t", 21.5), ("g/n", "n", -5.0), ("g/n", "t", 22.0),
        ],
        key=repr,
    )  # fmt: skip
    assert not out.rejected
    assert not out.drift
    assert not decoder.memory.rebirths
    assert {out.records.unit[i] for b in out.blocks for i in b.record if b.metric == "t"} <= {"degC"}
    assert AT * 1000 + 1000 in out.records.event_at


def test_an_unknown_alias_is_quarantined_and_its_node_is_asked_for_a_birth() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    out = decoded(
        decoder,
        (
            "g/NDATA/n",
            payload(5, {"alias": 9, "double_value": 1.0}, {"name": "x", "datatype": 10, "double_value": 2.0}),
        ),
        ("g/DDATA/n/d", payload(6, {"name": "y", "int_value": 1})),
    )
    assert readings(out) == [("g/n", "x", 2.0)]
    assert [(why.rule, why.device_id) for _, why in out.rejected] == [("no_birth", "g/n"), ("no_birth", "g/n/d")]
    assert decoder.memory.rebirths == {"g/n"}


def test_the_birth_cache_survives_a_restart_and_a_failed_segment_teaches_nothing() -> None:
    first = Decoder([CONTRACT], LIMITS)
    decoded(first, ("g/NBIRTH/n", birth()), ("g/DBIRTH/n/d", payload(1, {"name": "y", "alias": 7, "datatype": 4})))
    saved = dict(first.memory.changed_nodes())
    first.memory.keep()
    decoded(first, ("g/NBIRTH/n", payload(0, {"name": "other", "alias": 1, "datatype": 10})))
    first.memory.forget()
    assert first.memory.nodes == load_nodes(saved)
    second = Decoder([CONTRACT], LIMITS, Memory(load_nodes(saved)))
    out = decoded(second, ("g/DDATA/n/d", payload(2, {"alias": 7, "long_value": 2**64 - 1})))
    assert readings(out) == [("g/n/d", "y", -1.0)]
    assert not out.drift


def test_sequence_gaps_are_drift_and_ask_for_a_birth_but_repeats_are_neither() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    some = {"name": "t", "alias": 1, "datatype": 10, "double_value": 1.0}
    turns = [(0, "NBIRTH"), (1, "NDATA"), (2, "NDATA"), (1, "NDATA"), (2, "NDATA"), (3, "NDATA")]
    out = decoded(decoder, *((f"g/{kind}/n", payload(seq, dict(some))) for seq, kind in turns))
    assert not out.drift
    out = decoded(decoder, ("g/NDATA/n", payload(6, dict(some))))
    assert [(d.device_id, d.what, d.was, d.now) for d in out.drift] == [("g/n", "sequence_gap", "4", "6")]
    assert decoder.memory.rebirths == {"g/n"}
    out = decoded(decoder, *(("g/NDATA/n", payload(seq % 256, dict(some))) for seq in range(7, 600)))
    assert not out.drift


def test_commands_are_kept_beside_what_devices_say() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    out = decoded(
        decoder, ("g/NCMD/n", rebirth_command(AT)), ("g/DCMD/n/d", payload(None, {"alias": 4, "int_value": 1}))
    )
    assert readings(out) == [("g/n", "command/Node Control/Rebirth", 1.0)]
    assert [(index, why.rule) for index, why in out.rejected] == [(1, "no_readings")]
    assert not decoder.memory.rebirths


def test_deaths_set_online_to_zero_at_the_time_we_hear_of_them() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    out = decoded(
        decoder,
        ("g/NDEATH/n", payload(None, {"name": "bdSeq", "long_value": 3}, at=AT - 10_000_000)),
        ("g/DDEATH/n/d", payload(9)),
        ("STATE/host", b'{"online": true, "timestamp": 1772366400000}'),
        ("STATE/old", b"OFFLINE"),
    )
    assert readings(out) == [
        ("g/n", "online", 0.0), ("g/n/d", "online", 0.0), ("host", "online", 1.0), ("old", "online", 0.0),
    ]  # fmt: skip
    assert out.records.event_at[0] == AT * 1000 + 5


def test_templates_are_flattened_and_what_has_no_number_is_refused() -> None:
    content = Payload(timestamp=AT, seq=0)
    motor = content.metrics.add(name="motor", datatype=19)
    motor.template_value.metrics.add(name="rpm", datatype=7, int_value=900)
    content.metrics.add(name="blob", datatype=17, bytes_value=b"x")
    out = decoded(Decoder([CONTRACT], LIMITS), ("g/NBIRTH/n", bytes(content.SerializeToString())))
    assert ("g/n", "motor/rpm", 900.0) in readings(out)
    assert [(why.rule, why.metric) for _, why in out.rejected] == [("nested_value", "blob")]


@pytest.mark.parametrize(
    ("topic", "content"),
    [
        ("g/NDATA", b""),
        ("g/WHAT/n", b""),
        ("a/b/c/d/e/f", b""),
        ("g/NDATA/n", b"\xff" * 10),
        ("g/NDATA/n", birth()[:-3]),
        ("g/NDATA/n", b"\x12\xff\xff\xff\xff\x07"),
        ("g/NBIRTH/n", b"\x0b" * 5000),
        ("STATE/h", b"{"),
        ("STATE/h", b"[]"),
    ],
)
def test_what_is_no_sparkplug_is_undecodable(topic: str, content: bytes) -> None:
    out = decoded(Decoder([CONTRACT], LIMITS), (topic, content))
    assert [why.rule for _, why in out.rejected] == ["undecodable"]
    assert out.rejected[0][1].hint


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_truncated_and_flipped_payloads_never_raise(data: st.DataObject) -> None:
    whole = bytearray(birth())
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[at] ^= 1 << data.draw(st.integers(0, 7))
    content = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    kind = data.draw(st.sampled_from(["NBIRTH", "NDATA", "DBIRTH/x", "NDEATH"]))
    out = decoded(
        Decoder([CONTRACT], LIMITS), (f"g/{kind.replace('/', '/n/')}" if "/" in kind else f"g/{kind}/n", content)
    )
    assert out.has_reading[0] or out.rejected


def test_the_rebirth_command_is_what_the_specification_asks() -> None:
    content = Payload.FromString(rebirth_command(AT))
    (metric,) = content.metrics
    assert (metric.name, metric.datatype, metric.boolean_value) == ("Node Control/Rebirth", 11, True)
    assert content.timestamp == AT


def test_names_that_are_not_utf_8_are_kept_visibly() -> None:
    content = b"\x12\x0f\x0a\x02\xff\xfe\x20\x0a\x69" + b"\x00\x00\x00\x00\x00\x00\xf0\x3f"
    out = decoded(Decoder([CONTRACT], LIMITS), ("g/NBIRTH/n", content))
    assert ("g/n", "\\xff\\xfe", 1.0) in readings(out)


def session(number: int, *metrics: dict[str, object]) -> bytes:
    return payload(0, {"name": "bdSeq", "datatype": 8, "long_value": number}, *metrics)


def online(out: Decoded) -> dict[str, float | str]:
    return {device: value for device, metric, value in readings(out) if metric == "online"}


def test_the_death_of_a_node_is_that_of_its_living_devices() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    flow = {"name": "flow", "datatype": 10, "double_value": 1.0}
    decoded(decoder, ("g/NBIRTH/n", session(3)), *((f"g/DBIRTH/n/{d}", payload(1, flow)) for d in "ab"))
    decoded(decoder, ("g/DDEATH/n/b", payload(3)))
    decoder.memory.keep()
    assert online(decoded(decoder, ("g/NDEATH/n", session(3)))) == {"g/n": 0.0, "g/n/a": 0.0}
    assert online(decoded(decoder, ("g/NDEATH/n", session(3)))) == {"g/n": 0.0}


def test_a_death_of_an_earlier_session_changes_nothing() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    flow = {"name": "flow", "datatype": 10, "double_value": 1.0}
    decoded(decoder, ("g/NBIRTH/n", session(4)), ("g/DBIRTH/n/a", payload(1, flow)))
    out = decoded(decoder, ("g/NDEATH/n", session(3)))
    assert (readings(out), [why.rule for _, why in out.rejected]) == ([], ["old_session"])
    assert online(decoded(decoder, ("g/NDEATH/n", session(4)))) == {"g/n": 0.0, "g/n/a": 0.0}


def test_a_birth_of_a_new_session_is_the_death_of_the_devices_of_the_old_one_and_a_rebirth_is_not() -> None:
    decoder = Decoder([CONTRACT], LIMITS)
    flow = {"name": "flow", "datatype": 10, "double_value": 1.0}
    decoded(decoder, ("g/NBIRTH/n", session(3)), ("g/DBIRTH/n/a", payload(1, flow)))
    assert online(decoded(decoder, ("g/NBIRTH/n", session(3)))) == {"g/n": 1.0}
    assert online(decoded(decoder, ("g/NBIRTH/n", session(4)))) == {"g/n": 1.0, "g/n/a": 0.0}
