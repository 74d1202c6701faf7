"""The segment format: what is written comes back, what is torn is cut, what is damaged is never passed off as data."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor_platform.reading.model import Envelope, EnvelopeFlag
from sensor_platform.wal import (
    BatchFacts,
    DamagedBytes,
    DamagedSegment,
    Header,
    encode_mqtt,
    encode_records,
    read_batches,
    read_envelopes,
    read_header,
    recover_segments,
)
from sensor_platform.wal.frames import HEAD_BYTES, FrameKind, encode_frame
from sensor_platform.wal.segment_writer import SegmentWriter

Publish = Callable[..., bytes]
SEGMENT = "c-1700000000000-00000001"
NOW = 1_700_000_000_123_456


def write_segment(folder: Path, frames: list[bytes], name: str = SEGMENT) -> Path:
    writer = SegmentWriter(folder, Header(segment=name, created_at=NOW, session="s", unreleased=(7,)))
    for frame in frames:
        writer.append((frame,))
        writer.commit()
    writer.close()
    return writer.path


def batch(publish: Publish, payloads: list[bytes], first_id: int = 1) -> bytes:
    packets = [publish(b"t", payload, packet_id=first_id + i) for i, payload in enumerate(payloads)]
    return encode_mqtt(BatchFacts(NOW, "s", True, 4, len(packets)), packets)


messages = st.fixed_dictionaries(
    {
        "topic": st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        "payload": st.binary(max_size=400),
        "qos": st.sampled_from([0, 1, 2]),
        "packet_id": st.integers(1, 65535),
        "retain": st.booleans(),
        "dup": st.booleans(),
        "flag": st.sampled_from([0, 0, 1, 2]),
        "user": st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=2),
        "content_type": st.none() | st.text(max_size=10),
    }
)


def text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2) + value.encode()


def properties_of(message: dict[str, object]) -> bytes:
    out = b"\x01\x01\x02\x00\x00\x00\x09\x0b\x85\x01\x23\x00\x02"  # those that are passed over
    if message["content_type"] is not None:
        out += b"\x03" + text(str(message["content_type"]))
    for name, value in message["user"]:  # type: ignore[attr-defined]
        out += b"\x26" + text(name) + text(value)
    return out


@given(st.lists(st.lists(messages, max_size=5), max_size=4), st.sampled_from([4, 5]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_every_field_of_every_message_comes_back(
    tmp_path: Path, publish_packet: Publish, batches: list[list[dict[str, object]]], level: int
) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    frames: list[bytes] = []
    expected: list[Envelope] = []
    for number, group in enumerate(batches):
        packets = []
        for m in group:
            fields = {k: m[k] for k in ("qos", "packet_id", "retain", "dup")}
            properties = properties_of(m) if level == 5 else b""
            packets += [
                publish_packet(str(m["topic"]).encode(), m["payload"], level=level, properties=properties, **fields)
            ]
            packets += [b"\x62\x02\x00\x01"]  # a PUBREL between, which is no message
            has_extra = level == 5 and (m["content_type"] is not None or m["user"])
            expected.append(
                Envelope(
                    topic=str(m["topic"]),
                    payload=m["payload"],  # type: ignore[arg-type]
                    received_at=datetime(2023, 11, 14, 22, 13, 20, 123456 + number, tzinfo=UTC),
                    segment=SEGMENT,
                    position=len(expected),
                    qos=m["qos"],  # type: ignore[arg-type]
                    retain=bool(m["retain"]),
                    dup=bool(m["dup"]),
                    packet_id=m["packet_id"] if m["qos"] else 0,  # type: ignore[arg-type]
                    session=f"session {number}",
                    flags=EnvelopeFlag(m["flag"]),  # type: ignore[arg-type]
                    content_type=m["content_type"] if has_extra else None,  # type: ignore[arg-type]
                    user_properties=tuple(m["user"]) if has_extra else (),  # type: ignore[arg-type]
                )
            )
        flags = [(i, int(m["flag"])) for i, m in enumerate(group) if m["flag"]]  # type: ignore[call-overload]
        facts = BatchFacts(NOW + number, f"session {number}", True, level, len(group), flags)
        frames.append(encode_mqtt(facts, packets))

    path = write_segment(tmp_path, frames)

    assert list(read_envelopes(path)) == expected


def test_whole_envelopes_of_other_sources_come_back(tmp_path: Path) -> None:
    sent = [
        Envelope(
            topic="kafka/topic",
            payload=b"\x00\xff",
            received_at=datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
            segment=SEGMENT,
            position=position,
            content_type="application/json",
            user_properties=(("id", "uuid"),),
            key=b"sensor 1",
            partition=3,
            offset=2**40,
            flags=EnvelopeFlag.SUSPECT,
        )
        for position in range(2)
    ]
    path = write_segment(tmp_path, [encode_records(sent[:1]), encode_records(sent[1:])])
    assert list(read_envelopes(path)) == sent


def test_open_sealed_and_archived_segments_read_the_same(tmp_path: Path, publish_packet: Publish) -> None:
    path = write_segment(tmp_path, [batch(publish_packet, [b"one", b"two"]), batch(publish_packet, [b"three"])])
    sealed, archived = tmp_path / f"{SEGMENT}.wal", tmp_path / f"{SEGMENT}.zst"
    sealed.write_bytes(path.read_bytes())
    half = len(path.read_bytes()) // 2  # archived in two zstd frames, as an appending archiver might
    compress = zstandard.ZstdCompressor().compress
    archived.write_bytes(compress(path.read_bytes()[:half]) + compress(path.read_bytes()[half:]))
    expected = list(read_envelopes(path))
    assert [e.payload for e in expected] == [b"one", b"two", b"three"]
    assert list(read_envelopes(sealed)) == list(read_envelopes(archived)) == expected
    assert read_header(archived).unreleased == (7,)


@pytest.mark.parametrize("suffix", [".open", ".zst"])
def test_reading_goes_on_where_an_earlier_batch_ended(tmp_path: Path, publish_packet: Publish, suffix: str) -> None:
    path = write_segment(tmp_path, [batch(publish_packet, [b"one", b"two"]), batch(publish_packet, [b"three"])])
    if suffix == ".zst":
        path.with_suffix(suffix).write_bytes(zstandard.ZstdCompressor().compress(path.read_bytes()))
    first, second = read_batches(path.with_suffix(suffix))
    (resumed,) = read_batches(path.with_suffix(suffix), offset=first.end, position=first.position + len(first))
    assert resumed == second
    assert resumed.position == 2


def test_nothing_beyond_the_committed_offset_is_read(tmp_path: Path, publish_packet: Publish) -> None:
    path = write_segment(tmp_path, [batch(publish_packet, [b"one"]), batch(publish_packet, [b"two"])])
    first, _ = read_batches(path)
    assert [b.payloads for b in read_batches(path, end=first.end)] == [[b"one"]]


def test_a_tail_torn_at_any_byte_is_cut_at_the_last_whole_frame(tmp_path: Path, publish_packet: Publish) -> None:
    whole = write_segment(tmp_path, [batch(publish_packet, [b"one", b"two"]), batch(publish_packet, [b"three"])])
    data = whole.read_bytes()
    ends = [b.end for b in read_batches(whole)]
    whole.unlink()
    for cut in range(len(data) + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / f"{SEGMENT}.open").write_bytes(data[:cut])
        (left,) = recover_segments(folder)
        kept = max([end for end in ends if end <= cut], default=0)
        assert left.kept_bytes == kept
        assert left.cut_bytes == cut - kept
        assert not left.damage
        if kept:
            assert left.path is not None
            assert left.path.read_bytes() == data[:kept]
            expected = [b"one", b"two", b"three"] if kept == ends[-1] else [b"one", b"two"]
            assert [e.payload for e in read_envelopes(left.path)] == expected
        else:
            assert list(folder.iterdir()) == []


def test_a_flipped_bit_is_never_read_as_data(tmp_path: Path, publish_packet: Publish) -> None:
    whole = write_segment(tmp_path, [batch(publish_packet, [b"one"]), batch(publish_packet, [b"two"])])
    data = whole.read_bytes()
    good = [e.payload for e in read_envelopes(whole)]
    sealed = tmp_path / f"{SEGMENT}.wal"
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        sealed.write_bytes(flipped)
        seen: list[bytes] = []
        with pytest.raises(DamagedSegment, match=r"damaged|header|format"):
            seen.extend(e.payload for e in read_envelopes(sealed))
        damage: list[DamagedBytes] = []
        seen = [payload for b in read_batches(sealed, damage=damage) for payload in b.payloads]
        assert damage
        assert seen in ([b"one"], [b"two"], good)
        assert seen != good or damage[0].offset == 0, "only a damaged header costs no message"


def test_damage_in_the_middle_of_an_open_segment_survives_recovery_and_is_reported(
    tmp_path: Path, publish_packet: Publish
) -> None:
    path = write_segment(tmp_path, [batch(publish_packet, [payload]) for payload in (b"one", b"two", b"three")])
    data = bytearray(path.read_bytes())
    ends = [b.end for b in read_batches(path)]
    data[ends[0] + HEAD_BYTES + 3] ^= 0xFF
    path.write_bytes(data + b"torn")
    (left,) = recover_segments(tmp_path)
    assert left.damage == (DamagedBytes(ends[0], ends[1] - ends[0]),)
    assert left.cut_bytes == 4
    damage: list[DamagedBytes] = []
    assert left.path is not None
    assert [b.payloads[0] for b in read_batches(left.path, damage=damage)] == [b"one", b"three"]
    assert damage == list(left.damage)


def test_a_payload_that_contains_a_whole_frame_does_not_confuse_the_search(
    tmp_path: Path, publish_packet: Publish
) -> None:
    inner = encode_frame(FrameKind.RECORDS, (b"\x90",))
    path = write_segment(tmp_path, [batch(publish_packet, [inner]), batch(publish_packet, [b"two"])])
    assert [e.payload for e in read_envelopes(path)] == [inner, b"two"]


def test_a_truncated_archive_is_damage(tmp_path: Path, publish_packet: Publish) -> None:
    path = write_segment(tmp_path, [batch(publish_packet, [bytes(range(256)) * 40])])
    archived = tmp_path / f"{SEGMENT}.zst"
    archived.write_bytes(zstandard.ZstdCompressor().compress(path.read_bytes())[:-20])
    with pytest.raises(DamagedSegment):
        list(read_envelopes(archived))


def test_another_format_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / f"{SEGMENT}.wal"
    path.write_bytes(encode_frame(FrameKind.HEADER, (b'{"format":99,"segment":"x","created_at":1}',)))
    with pytest.raises(DamagedSegment, match="format 99"):
        list(read_envelopes(path))


def test_a_file_that_is_no_segment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{SEGMENT}.wal"
    path.write_bytes(b"hello, this is somebody's text file, not a segment")
    with pytest.raises(DamagedSegment):
        list(read_envelopes(path))
