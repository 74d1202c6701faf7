"""Where reading of a partition begins, and what counts as gone."""

import pytest

from sensor_platform.collect.kafka.first_offset import Beginning, PartitionOffsets, choose_beginning


@pytest.mark.parametrize(
    ("stored", "kafka", "expected"),
    [
        (0, PartitionOffsets(0, 10), Beginning(None)),
        (0, PartitionOffsets(5, 10), Beginning(None)),
        (100, PartitionOffsets(0, 200, 100, is_own_commit=True), Beginning(None)),
        (100, PartitionOffsets(150, 200, 100, is_own_commit=True), Beginning(150, (100, 149))),
        (50, PartitionOffsets(0, 200, 100, is_own_commit=True), Beginning(50)),
        (50, PartitionOffsets(70, 200, 100, is_own_commit=True), Beginning(70, (50, 69))),
        (50, PartitionOffsets(0, 200, 100), Beginning(None)),
        (50, PartitionOffsets(0, 200), Beginning(50)),
        (120, PartitionOffsets(0, 200, 100, is_own_commit=True), Beginning(None)),
    ],
)
def test_of_the_same_topic(stored: int, kafka: PartitionOffsets, expected: Beginning) -> None:
    assert choose_beginning(stored, kafka, is_same_topic=True) == expected


def test_without_an_id_only_the_committed_offset_counts() -> None:
    assert choose_beginning(50, PartitionOffsets(0, 200, 100, True), is_same_topic=False) == Beginning(None)
    assert choose_beginning(50, PartitionOffsets(120, 200, 100), is_same_topic=False) == Beginning(120, (100, 119))
