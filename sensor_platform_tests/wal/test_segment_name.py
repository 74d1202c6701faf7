"""Names of segments."""

from itertools import islice
from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.wal.segment_name import SegmentName, check_collector, parse_name, segment_names

NAME = SegmentName("plant-7", 1_772_366_400_000, 42)


def test_a_name_is_written_and_taken_apart() -> None:
    assert str(NAME) == "plant-7-1772366400000-00000042"
    assert parse_name(str(NAME)) == NAME


@pytest.mark.parametrize("text", ["", "plant", "plant-1-2", "import-0123456789abcdef", "a-1772366400000-1"])
def test_another_text_is_no_name(text: str) -> None:
    assert parse_name(text) is None


@pytest.mark.parametrize("name", ["", "-a", ".a", "../a", "a/b", "a b", "ü", "x" * 65])
def test_a_collector_that_cannot_be_part_of_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(WrongUse, match="cannot be part of a file name"):
        check_collector(name)
    check_collector("Plant_7.north-1")


def test_names_count_up_and_a_clock_that_was_set_back_repeats_none(tmp_path: Path) -> None:
    first = list(islice(segment_names("col", tmp_path, lambda: 1_000), 2))
    again = list(islice(segment_names("col", tmp_path, lambda: 500), 2))
    (tmp_path / f"{SegmentName('col', 5_000, 1)}.wal").touch()
    third = list(islice(segment_names("col", tmp_path, lambda: 500), 1))
    assert [parse_name(each) for each in (*first, *again, *third)] == [
        SegmentName("col", 1_000, 1),
        SegmentName("col", 1_000, 2),
        SegmentName("col", 1_001, 1),
        SegmentName("col", 1_001, 2),
        SegmentName("col", 5_001, 1),
    ]
    assert next(segment_names("other", tmp_path, lambda: 1_000)) == str(SegmentName("other", 1_000, 1))


def test_names_sort_in_order_of_creation_across_restarts(tmp_path: Path) -> None:
    names = [name for clock in (1000, 2000, 3000) for name in islice(segment_names("c", tmp_path, lambda: clock), 120)]  # noqa: B023
    assert names == sorted(names)
    assert len(set(names)) == len(names)


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
