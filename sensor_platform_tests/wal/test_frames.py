"""Frames prove by their checksum that they are whole."""

from datetime import UTC, datetime
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.model import Envelope, EnvelopeFlag
from sensor_platform.wal.frames import (
    HEAD_BYTES,
    BatchFacts,
    FrameKind,
    decode_mqtt,
    decode_records,
    encode_frame,
    encode_mqtt,
    encode_records,
    find_frame,
    read_frame,
)

bodies = st.lists(st.binary(max_size=40), min_size=1, max_size=4)


@settings(max_examples=50, deadline=None)
@given(bodies)
def test_frames_are_read_as_they_were_written(some: list[bytes]) -> None:
    file = BytesIO(b"".join(encode_frame(FrameKind.MQTT, [body[:3], body[3:]]) for body in some))
    assert [read_frame(file) for _ in some] == [(FrameKind.MQTT, body) for body in some]
    assert read_frame(file) == b""


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_frame_with_a_flipped_bit_or_a_lost_end_is_no_frame(body: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode_frame(FrameKind.MQTT, [body]))
    cut = data.draw(st.integers(1, len(frame) - 1))
    assert read_frame(BytesIO(frame[:cut])) == bytes(frame[:cut])
    at = data.draw(st.sampled_from([each for each in range(len(frame)) if each not in {5, 6, 7}]))
    frame[at] ^= 1 << data.draw(st.integers(0, 7))
    assert isinstance(read_frame(BytesIO(frame)), bytes)


def test_no_more_is_read_than_there_is_room_for() -> None:
    frame = encode_frame(FrameKind.MQTT, [b"body"])
    assert read_frame(BytesIO(frame), len(frame)) == (FrameKind.MQTT, b"body")
    assert isinstance(read_frame(BytesIO(frame), len(frame) - 1), bytes)


def test_the_next_whole_frame_is_found_behind_garbage() -> None:
    frame = encode_frame(FrameKind.RECORDS, [b"body"])
    assert find_frame(b"xx" + frame) == 2
    assert find_frame(frame[:-1] + b"!" + frame) == len(frame)
    assert find_frame(b"xx" + frame[:-1]) is None
    assert find_frame(frame) is None, "its first byte is no candidate"


def test_the_facts_of_a_batch_are_kept_beside_its_packets() -> None:
    facts = BatchFacts(5, "séance", False, 5, 2, ((1, int(EnvelopeFlag.SUSPECT)),))
    body = encode_mqtt(facts, [b"packet one", b"packet two"])[HEAD_BYTES:]
    found, start = decode_mqtt(body)
    assert found == facts
    assert body[start:] == b"packet onepacket two"


def test_records_keep_every_field_of_an_envelope() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 123, tzinfo=UTC)
    envelope = Envelope("t", b"\xff", at, "seg", 0, 1, True, user_properties=(("a", "b"),), key=b"k", offset=9)
    (record,) = decode_records(encode_records([envelope])[HEAD_BYTES:])
    assert (record.topic, record.payload, record.received_at) == ("t", b"\xff", 1_772_366_400_000_123)
    assert (record.retain, record.user_properties, record.key, record.offset) == (True, (("a", "b"),), b"k", 9)
