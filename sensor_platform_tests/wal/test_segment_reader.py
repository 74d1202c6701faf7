"""Reading segments in each of their lives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal.archive import archive_segment
from sensor_platform.wal.frames import DamagedSegment
from sensor_platform.wal.segment_reader import DamagedBytes, read_batches, read_envelopes, read_frames, read_header
from sensor_platform_tests.wal.written import NAME, batch, write_segment

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def payloads(path: Path, **options: Any) -> list[list[bytes]]:
    return [batch.payloads for batch in read_batches(path, **options)]


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    return write_segment(tmp_path, [b"1", b"2"], [b"3"])


def test_messages_are_numbered_through_the_segment(sealed: Path) -> None:
    found = list(read_envelopes(sealed))
    assert [(each.position, each.payload) for each in found] == [(0, b"1"), (1, b"2"), (2, b"3")]
    assert [each.received_at for each in found] == [AT, AT, AT + timedelta(seconds=1)]
    assert {(each.topic, each.qos, each.session, each.segment) for each in found} == {("a/b", 1, "session", NAME)}


def test_an_archived_segment_is_read_alike(sealed: Path) -> None:
    archived = sealed.with_suffix(".zst")
    archive_segment(sealed, archived)
    assert list(read_envelopes(archived)) == list(read_envelopes(sealed))
    assert read_header(archived) == read_header(sealed)


def test_reading_goes_on_where_a_batch_ended(sealed: Path) -> None:
    first = next(read_batches(sealed))
    (second,) = read_batches(sealed, offset=first.end, position=len(first))
    assert (second.position, second.payloads) == (2, [b"3"])
    assert payloads(sealed, end=first.end) == [[b"1", b"2"]]


def test_flags_belong_to_their_message(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [b"1"])
    path.write_bytes(path.read_bytes() + batch([b"2", b"3"], flags=[(1, int(EnvelopeFlag.DUPLICATE))]))
    assert [each.flags for each in read_envelopes(path)] == [0, 0, EnvelopeFlag.DUPLICATE]


def test_a_torn_end_is_no_damage_of_an_open_segment_but_of_a_sealed_one(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [b"1"], is_sealed=False)
    path.write_bytes(path.read_bytes() + b"torn")
    assert payloads(path) == [[b"1"]]
    with pytest.raises(DamagedSegment, match="is damaged at byte"):
        payloads(path.rename(path.with_suffix(".wal")))


def test_damage_is_passed_over_where_somebody_notes_it(sealed: Path) -> None:
    content = bytearray(sealed.read_bytes())
    content[content.index(b"a/b")] ^= 1
    sealed.write_bytes(content)
    damage: list[DamagedBytes] = []
    assert [batch.payloads for batch in read_batches(sealed, damage=damage)] == [[b"3"]]
    assert [found.length for found in damage] == [len(batch([b"1", b"2"]))]


def test_a_file_without_a_header_is_no_segment(tmp_path: Path) -> None:
    path = tmp_path / "s.wal"
    path.write_bytes(batch([b"1"]))
    with pytest.raises(DamagedSegment, match="no readable header"):
        list(read_frames(path))
    (tmp_path / "s.open").touch()
    with pytest.raises(DamagedSegment, match="holds no header"):
        read_header(tmp_path / "s.open")
