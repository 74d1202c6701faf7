"""Which records of a partition come again: by the topic's id, by the end of the partition, or by their times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.collect.kafka import partition_progress
from sensor_platform.collect.kafka.partition_progress import PartitionProgress, PartitionRecords
from sensor_platform.reading.model import EnvelopeFlag

NONE, DUPLICATE, SUSPECT = EnvelopeFlag.NONE, EnvelopeFlag.DUPLICATE, EnvelopeFlag.SUSPECT


def records(next_offset: int = 0, newest: int = -1, topic_id: str = "") -> PartitionRecords:
    return PartitionRecords(PartitionProgress(next_offset, newest, topic_id))


def test_without_an_id_a_repeat_has_the_time_of_the_stored_record() -> None:
    some = records()
    assert [some.judge(n, 100 + n) for n in (0, 1, 2)] == [NONE] * 3
    assert [some.judge(n, 100 + n) for n in (1, 2)] == [DUPLICATE] * 2
    assert some.judge(0, 50) == NONE, "another topic of that name"
    assert [some.judge(n, 50 + n) for n in (0, 1, 2)] == [DUPLICATE, NONE, NONE]


def test_what_is_not_remembered_is_kept_and_marked() -> None:
    some = records(1000, 9_000)
    assert some.judge(10, 5_000) == SUSPECT
    assert some.judge(11, 10_000) == NONE, "younger than every stored record: the topic was made again"
    assert records(1000, -1).judge(10, -1) == DUPLICATE, "without times the offset alone tells"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_progress, "_REMEMBERED", 3)
    some = records()
    for n in range(5):
        some.judge(n, 100)
    assert [some.judge(n, 100) for n in (1, 2, 4)] == [SUSPECT, DUPLICATE, DUPLICATE]


def test_with_the_same_id_an_offset_is_enough() -> None:
    some = records(1000, 9_000, "A")
    assert some.assign("A", 2000) is None
    assert [some.judge(n, 1_000_000) for n in (0, 999, 1000)] == [DUPLICATE, DUPLICATE, NONE]


def test_with_another_id_everything_is_new_however_far_it_was_filled() -> None:
    some = records(1000, 9_000, "A")
    assert "made again" in str(some.assign("B", 5000))
    assert (some.progress.next, some.progress.topic_id) == (0, "B")
    assert [some.judge(n, 5) for n in (0, 1)] == [NONE, NONE]


def test_an_id_is_taken_over_where_there_was_none() -> None:
    some = records(1000, 9_000)
    assert some.assign("A", 2000) is None
    assert (some.progress, some.judge(5, 99_999)) == (PartitionProgress(1000, 9_000, "A"), DUPLICATE)


def test_a_partition_that_ends_before_what_is_stored_was_made_again() -> None:
    some = records(1000, 9_000)
    assert "made again" in str(some.assign("", 500))
    assert [some.judge(n, 5) for n in (0, 1)] == [NONE, NONE]
    assert records(1000).assign("", 1000) is None
    assert records(1000).assign("", -1) is None, "not known"


def test_of_the_same_topic_only_what_kafka_has_lost_is_new() -> None:
    some = records(1000, 9_000, "A")
    assert "has lost" in str(some.assign("A", 900))
    assert [some.judge(n, 5) for n in (899, 900)] == [DUPLICATE, NONE]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), max_size=60))
def test_no_record_is_dropped_that_is_not_stored(steps: list[tuple[bool, int, int]]) -> None:
    """Records with times, read on or again from somewhere, of a topic that is made again now and then."""
    some = records()
    topic: list[int] = []
    stored: set[tuple[int, int, int]] = set()
    incarnation = at = 0
    for is_made_again, back, time in steps:
        if is_made_again and topic:
            topic, at, incarnation = [], 0, incarnation + 1
        at = max(0, at - back)
        if at == len(topic):
            topic.append(time)
        record = (incarnation, at, topic[at])
        flag = some.judge(at, topic[at])
        if flag == DUPLICATE:
            assert any(each[1:] == record[1:] for each in stored), "nothing like it is stored"
        stored.add(record)
        at += 1
