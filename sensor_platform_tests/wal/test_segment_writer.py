"""Writing a segment."""

from pathlib import Path

import pytest

from sensor_platform.wal import Header, read_envelopes, read_header
from sensor_platform.wal.segment_writer import SegmentWriter, cut_file, delete_segment, seal_file
from sensor_platform_tests.wal.written import NOON, batch

HEADER = Header(segment="s", created_at=NOON, session="broker")


def test_what_was_committed_is_sealed_and_the_rest_is_cut(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, HEADER)
    assert (writer.path, read_header(writer.path)) == (tmp_path / "s.open", HEADER)
    writer.append([batch([b"1"]), batch([b"2"])])
    assert writer.commit() == writer.committed == writer.size == writer.path.stat().st_size
    writer.append([batch([b"3"])])
    assert writer.size > writer.committed
    sealed = writer.seal()
    assert writer.seal() == sealed == tmp_path / "s.wal"
    assert [envelope.payload for envelope in read_envelopes(sealed)] == [b"1", b"2"]
    assert list(tmp_path.iterdir()) == [sealed]


def test_a_segment_is_never_written_over(tmp_path: Path) -> None:
    SegmentWriter(tmp_path, HEADER).close()
    with pytest.raises(FileExistsError):
        SegmentWriter(tmp_path, HEADER)


def test_a_file_is_cut_but_never_made_longer(tmp_path: Path) -> None:
    path = tmp_path / "s.open"
    path.write_bytes(b"123456")
    for size in (9, 4):
        cut_file(path, size)
        assert path.read_bytes() == b"123456"[:size]
    assert seal_file(path, 2).read_bytes() == b"12"
    assert seal_file(path, 0).read_bytes() == b"12", "it is sealed already"


def test_a_file_in_which_nothing_was_committed_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "s.open"
    path.touch()
    delete_segment(path)
    delete_segment(path)
    assert not path.exists()
