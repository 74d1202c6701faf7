"""What a real broker refuses for ever is told from what it refuses now."""

import os

import pytest

from sensor_platform.sinks.kafka_sink import KafkaSink, make_producer
from sensor_platform.sinks.sink import SinkMessage, Unsendable, Unsent
from sensor_platform_tests.kafka.lab import Topics

pytestmark = pytest.mark.kafka


def test_a_message_that_is_too_large_can_never_be_sent(topics: Topics) -> None:
    topics.create("sink-small", max_message_bytes="2000")
    sink = KafkaSink(make_producer(topics.servers))
    for size in (2_000_000, 5_000):  # refused by the client library, and by the broker
        with pytest.raises(Unsendable, match="MSG_SIZE_TOO_LARGE"):
            sink.send([SinkMessage(os.urandom(size), "sink-small", "d")])
    sink.send([SinkMessage(b"fits", "sink-small", "d")])
    with pytest.raises(Unsendable, match="TOPIC_EXCEPTION"):
        sink.send([SinkMessage(b"x", "not a topic!", "d")])


def test_no_broker_is_tried_again() -> None:
    with pytest.raises(Unsent):
        KafkaSink(make_producer("127.0.0.1:1")).send([SinkMessage(b"x", "t", "d")])
