"""Sparkplug B messages as records, one per metric."""

from typing import Any

import pytest

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.decoders import DecodedMessage
from sensor_platform.reading.memory import Memory
from sensor_platform.reading.sparkplug.messages import ONLINE, read_sparkplug
from sensor_platform.reading.sparkplug.protobuf_schema import Payload

AT = 1_772_366_400_000
BIRTH = (
    {"name": "t", "alias": 1, "datatype": 10, "double_value": 20.5},
    {"name": "n", "alias": 2, "datatype": 3, "int_value": 2**32 - 7},
)


def payload(seq: int | None, *metrics: dict[str, Any]) -> bytes:
    content = Payload(timestamp=AT)
    if seq is not None:
        content.seq = seq
    for fields in metrics:
        content.metrics.add(**fields)
    return bytes(content.SerializeToString())


def read(memory: Memory, kind: str, *metrics: dict[str, Any], seq: int | None = 0, device: str = "") -> DecodedMessage:
    topic = f"spBv1.0/plant/{kind}/node{f'/{device}' if device else ''}"
    return read_sparkplug(topic, payload(seq, *metrics), memory)


def values(message: DecodedMessage) -> dict[object, object]:
    return {record["metric"]: record["value"] for record in message.records}


def test_a_birth_is_online_and_has_values_and_data_refer_to_it_by_alias() -> None:
    memory = Memory()
    assert values(read(memory, "NBIRTH", *BIRTH)) == {ONLINE: True, "t": 20.5, "n": -7}
    message = read(memory, "NDATA", {"alias": 1, "double_value": 21.5}, seq=1)
    assert message.records == [
        {
            "device_id": "plant/node",
            "group": "plant",
            "node": "node",
            "timestamp": AT,
            "seq": "1#0",
            "metric": "t",
            "value": 21.5,
        }
    ]
    assert (message.gap, message.rejected) == (None, [])


def test_a_device_is_named_below_its_node() -> None:
    memory = Memory()
    read(memory, "NBIRTH")
    read(memory, "DBIRTH", *BIRTH, seq=1, device="press")
    (record,) = read(memory, "DDATA", {"alias": 1, "double_value": 1.0}, seq=2, device="press").records
    assert (record["device_id"], record["device"]) == ("plant/node/press", "press")


def test_data_without_a_birth_are_refused_and_the_birth_is_asked_for() -> None:
    memory = Memory()
    message = read(memory, "NDATA", {"alias": 1, "double_value": 1.0})
    assert (message.records, [why.rule for why in message.rejected]) == ([], ["no_birth"])
    assert memory.rebirths == {"plant/node"}


def test_a_gap_in_the_sequence_is_told_and_the_birth_is_asked_for() -> None:
    memory = Memory()
    read(memory, "NBIRTH", *BIRTH, seq=255)
    assert read(memory, "NDATA", {"alias": 1, "double_value": 1.0}, seq=0).gap is None
    assert read(memory, "NDATA", {"alias": 1, "double_value": 1.0}, seq=0).gap is None, "it came again"
    assert read(memory, "NDATA", {"alias": 1, "double_value": 1.0}, seq=3).gap == (1, 3)
    assert memory.rebirths == {"plant/node"}


def test_a_death_is_offline_at_its_arrival() -> None:
    message = read(Memory(), "NDEATH", seq=None)
    assert values(message) == {ONLINE: False}
    assert "timestamp" not in message.records[0], "a last will was written long before"


def test_commands_are_kept_apart_and_ask_for_no_birth() -> None:
    memory = Memory()
    message = read(memory, "NCMD", {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": True})
    assert values(message) == {"command/Node Control/Rebirth": True}
    assert memory.rebirths == set()


@pytest.mark.parametrize(
    ("content", "online"),
    [(b"ONLINE", True), (b"OFFLINE", False), (b'{"online": true, "timestamp": 5}', True)],
)
def test_a_host_tells_its_state(content: bytes, online: bool) -> None:
    message = read_sparkplug("spBv1.0/STATE/scada", content, Memory())
    assert (message.device, values(message)) == ("scada", {ONLINE: online})


@pytest.mark.parametrize(
    ("topic", "content"),
    [
        ("spBv1.0/plant/NOTHING/node", payload(0)),
        ("spBv1.0/plant", payload(0)),
        ("spBv1.0/plant/NDATA/node", b"\xff"),
        ("spBv1.0/STATE/scada", b"awake"),
    ],
)
def test_anything_else_is_undecodable(topic: str, content: bytes) -> None:
    with pytest.raises(UndecodableError, match="not "):
        read_sparkplug(topic, content, Memory())
