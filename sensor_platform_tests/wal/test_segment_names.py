"""Names are never reused; the committed offset is whole or absent."""

from itertools import islice
from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.wal import CommittedOffset, parse_name, read_committed_offset, segment_names
from sensor_platform.wal.committed_offset import CommittedOffsetFile, committed_path


def test_names_sort_in_order_of_creation_across_restarts(tmp_path: Path) -> None:
    names = [name for clock in (1000, 2000, 3000) for name in islice(segment_names("c", tmp_path, lambda: clock), 120)]  # noqa: B023
    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_a_clock_that_was_set_back_cannot_make_a_name_come_again(tmp_path: Path) -> None:
    first = next(segment_names("c", tmp_path, lambda: 5000))
    second = next(segment_names("c", tmp_path, lambda: 1))
    assert first < second


def test_a_lost_boot_record_is_made_good_by_the_segments_that_exist(tmp_path: Path) -> None:
    (tmp_path / f"{next(segment_names('c', tmp_path, lambda: 5000))}.wal").touch()
    (tmp_path / "c.boot").unlink()
    assert next(segment_names("c", tmp_path, lambda: 1)) == "c-0000000005001-00000001"


def test_other_collectors_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a-b-0000000009000-00000001.wal").touch()
    assert next(segment_names("a", tmp_path, lambda: 5)) == "a-0000000000005-00000001"


def test_a_name_is_taken_apart_even_where_the_collector_has_dashes() -> None:
    name = parse_name("plant-7.north-0000000000005-00000012")
    assert name is not None
    assert (name.collector, name.boot, name.seq) == ("plant-7.north", 5, 12)
    assert parse_name("collector.status") is None


@pytest.mark.parametrize("collector", ["", "../up", "a/b", ".hidden", "a" * 65, "ü"])
def test_a_collector_name_that_is_no_file_name_is_refused(tmp_path: Path, collector: str) -> None:
    with pytest.raises(WrongUse, match="file name"):
        segment_names(collector, tmp_path)


def test_the_committed_offset_is_read_as_written_or_not_at_all(tmp_path: Path) -> None:
    assert read_committed_offset(tmp_path, "c") is None
    committed = CommittedOffsetFile(tmp_path, "c")
    committed.publish("a-very-long-segment-name-0000000000005-00000012", 123456789)
    committed.publish("short-0000000000005-00000013", 7)
    assert read_committed_offset(tmp_path, "c") == CommittedOffset("short-0000000000005-00000013", 7)
    committed.close()
    path = committed_path(tmp_path, "c")
    path.write_bytes(path.read_bytes().replace(b" 7 ", b" 9 "))
    assert read_committed_offset(tmp_path, "c") is None
