"""Acknowledged frames at the end of a damaged open segment: their bytes are kept and they are reported."""

from collections.abc import Iterator
from pathlib import Path

from sensor_platform_tests.field.core.homes import HOUR, T0, Message, land
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import (
    BatchFacts,
    CommittedOffsetFile,
    Header,
    Home,
    SegmentWriter,
    audit,
    encode_mqtt,
    read_committed_offset,
    recover_segments,
)
from sensor_platform_tests.landing.homes import publish_packet

NAME = "col-1772366400000-00000001"


def batches() -> Iterator[bytes]:
    """Four group commits of ten messages."""
    for batch in range(4):
        payloads = (b'{"device_id":"d","ts":%d,"v":1}' % (T0 // 1_000_000 + batch * 10 + i) for i in range(10))
        yield b"".join(publish_packet(Message(payload), i + 1) for i, payload in enumerate(payloads))


def killed_collector(home: Home) -> Path:
    """An open segment; every batch is on disk and acknowledged."""
    writer, mark = SegmentWriter(home.wal, Header(segment=NAME, created_at=T0)), CommittedOffsetFile(home.wal, "col")
    for raw in batches():
        writer.append([encode_mqtt(BatchFacts(T0, "s", True, 4, 10, ()), [raw])])
        mark.publish(NAME, writer.commit())
    writer.close()
    path = home.wal / f"{NAME}.open"
    committed = read_committed_offset(home.wal, "col")
    need(committed is not None and committed.offset == path.stat().st_size, "the mark covers all bytes")
    return path


def test_core_26_damage_below_the_committed_mark_is_not_cut_without_a_trace(home: Home) -> None:
    path = killed_collector(home)
    content = bytearray(path.read_bytes())
    content[-40] ^= 1  # in the last frame
    path.write_bytes(content)
    recovered = recover_segments(home.wal)
    land(home, T0 + HOUR)
    places = [path for path in home.root.rglob("*") if path.is_file() and bytes(content[-60:]) in path.read_bytes()]
    assert places, "the bytes of ten acknowledged messages are nowhere"
    reported = any(each.damage for each in recovered) or not audit(home).is_whole
    assert reported, "neither recovery nor the audit reports the damage"
