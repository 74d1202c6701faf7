"""What a killed collector left behind."""

from pathlib import Path

from sensor_platform.wal import DamagedBytes, read_envelopes
from sensor_platform.wal.recovery import recover_segments
from sensor_platform_tests.wal.written import write_segment


def test_a_torn_tail_is_cut_and_the_segment_is_sealed(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [b"1"], [b"2"], is_sealed=False)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\xf5SPF torn")
    (found,) = recover_segments(tmp_path)
    assert found.path is not None
    assert (found.kept_bytes, found.cut_bytes, found.damage) == (size, 9, ())
    assert [envelope.payload for envelope in read_envelopes(found.path)] == [b"1", b"2"]
    assert recover_segments(tmp_path) == []


def test_a_segment_without_messages_is_deleted(tmp_path: Path) -> None:
    path = write_segment(tmp_path, is_sealed=False)
    size = path.stat().st_size
    (found,) = recover_segments(tmp_path)
    assert (found.path, found.kept_bytes, found.cut_bytes) == (None, 0, size)
    assert list(tmp_path.iterdir()) == []


def test_segments_are_sealed_into_another_folder_and_those_of_other_collectors_stay(tmp_path: Path) -> None:
    own = write_segment(tmp_path / "ingest", [b"1"], is_sealed=False)
    other = write_segment(tmp_path / "ingest", [b"2"], name="b-1772366400000-00000001", is_sealed=False)
    (tmp_path / "wal").mkdir()
    (found,) = recover_segments(tmp_path / "ingest", tmp_path / "wal", "col")
    assert found.path == tmp_path / "wal" / f"{own.stem}.wal"
    assert list((tmp_path / "ingest").iterdir()) == [other]


def test_damage_before_a_whole_frame_stays_in_the_file_and_is_told(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [b"1"], [b"2"], is_sealed=False)
    content = bytearray(path.read_bytes())
    at = content.index(b"a/b")
    content[at] ^= 1
    path.write_bytes(content)
    (found,) = recover_segments(tmp_path)
    ((offset, length),) = [(each.offset, each.length) for each in found.damage]
    assert offset < at < offset + length
    assert isinstance(found.damage[0], DamagedBytes)
    assert found.path is not None
    assert len(found.path.read_bytes()) == len(content)
