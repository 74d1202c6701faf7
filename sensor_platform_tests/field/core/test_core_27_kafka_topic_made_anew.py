"""A Kafka topic that was made anew: its records are taken, whatever times the producers of before and after had."""

from collections.abc import Iterable
from pathlib import Path

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import StoredOffsets

MS = T0 // 1000
COUNT = 1000


def taken(offsets: StoredOffsets, times: Iterable[int]) -> list[bool]:
    """Which records with offsets from 0 count as new."""
    return [offsets.is_new("t", 0, offset, at) for offset, at in enumerate(times)]


def test_core_27_one_record_of_the_future_does_not_make_a_new_topic_a_repeat(tmp_path: Path) -> None:
    offsets = StoredOffsets(tmp_path / "col.offsets.json")
    need(all(taken(offsets, range(MS, MS + COUNT))), "records are new the first time")
    offsets.is_new("t", 0, COUNT, MS + 80 * 365 * DAY // 1000)
    lost = taken(offsets, range(MS + HOUR // 1000, MS + HOUR // 1000 + COUNT)).count(False)
    assert not lost, f"{lost} of {COUNT} records of the new topic are dropped as repeats"


def test_core_27_the_first_records_of_a_new_topic_may_be_older_than_the_last_of_the_old_one(tmp_path: Path) -> None:
    offsets = StoredOffsets(tmp_path / "col.offsets.json")
    need(all(taken(offsets, range(MS, MS + COUNT))), "records are new the first time")
    found = taken(offsets, range(MS - 5000, MS + 5000, 200))
    assert all(found), f"{found.count(False)} of {len(found)} records of the new topic are dropped as repeats"
