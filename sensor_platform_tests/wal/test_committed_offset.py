"""The committed mark."""

from pathlib import Path

import pytest

from sensor_platform.wal.committed_offset import (
    CommittedOffset,
    CommittedOffsetFile,
    committed_path,
    read_committed_offset,
)


def test_the_newest_mark_is_read_also_where_it_is_shorter(tmp_path: Path) -> None:
    assert read_committed_offset(tmp_path, "col") is None
    mark = CommittedOffsetFile(tmp_path, "col")
    for segment, offset in (("a-long-name", 123_456_789), ("b", 1)):
        mark.publish(segment, offset)
        assert read_committed_offset(tmp_path, "col") == CommittedOffset(segment, offset)
    mark.close()
    assert read_committed_offset(tmp_path, "col") == CommittedOffset("b", 1)
    assert read_committed_offset(tmp_path, "other") is None


@pytest.mark.parametrize("text", ["", "b 1", "b 2 00000000", "b 1 2 3"])
def test_a_mark_that_is_not_whole_is_none(tmp_path: Path, text: str) -> None:
    committed_path(tmp_path, "col").write_text(text)
    assert read_committed_offset(tmp_path, "col") is None


def test_a_mark_with_another_checksum_is_none(tmp_path: Path) -> None:
    mark = CommittedOffsetFile(tmp_path, "col")
    mark.publish("b", 7)
    mark.close()
    path = committed_path(tmp_path, "col")
    path.write_bytes(path.read_bytes().replace(b" 7 ", b" 9 "))
    assert read_committed_offset(tmp_path, "col") is None
