"""Columns of messages."""

from sensor_platform.reading.batch import MessageBatch


def test_a_batch_is_as_long_as_its_messages() -> None:
    assert len(MessageBatch(["a", "b"], [b"1", b"2"], [1, 2])) == 2
    assert len(MessageBatch([], [], [])) == 0
