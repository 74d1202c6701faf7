"""Each kind of sink against a receiver of its kind."""

import msgspec
import pytest

from sensor_platform.alert.config import AlertConfig, Channel
from sensor_platform.errors import WrongUse
from sensor_platform.sinks.channel_check import send_tests, trial_notification
from sensor_platform.sinks.kafka_sink import KafkaSink
from sensor_platform.sinks.sink_messages import fill_topic, notification_reader
from sensor_platform_tests.live.receivers import hook
from sensor_platform_tests.sinks.channels import NO_CONNECTIONS
from sensor_platform_tests.waiting import wait_for


def test_kafka_takes_notices_keyed_by_device() -> None:
    kafka = pytest.importorskip("confluent_kafka")
    producer = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock"})
    servers = next(iter(producer.list_topics(timeout=10).brokers.values()))
    address = f"{servers.host}:{servers.port}"
    sink = KafkaSink(kafka.Producer({"bootstrap.servers": address, "acks": "all"}))
    sink.send(notification_reader("alarms", retain=False)(trial_notification("site")))
    consumer = kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe(["alarms"])
    try:
        message = wait_for(lambda: consumer.poll(0.2), 20)
        assert message.key() == b"test-device"
        assert msgspec.json.decode(message.value())["rule"] == "test"
    finally:
        consumer.close()


def test_send_test_says_of_each_channel_what_became_of_it() -> None:
    with hook() as good, hook() as bad:
        bad.mood = "refuses"
        config = AlertConfig(channels={"good": Channel(url=good.url), "bad": Channel(url=bad.url)})
        found = dict(send_tests(config, "", "site", NO_CONNECTIONS))
        assert found["good"] == ""
        assert "did not accept" in found["bad"]
        with pytest.raises(WrongUse, match="no channel 'x'"):
            dict(send_tests(config, "x", "site", NO_CONNECTIONS))


def test_a_device_cannot_leave_its_level_of_a_topic() -> None:
    assert fill_topic("a/{device}/b", {"device": "x/../#+\0y" + "z" * 500}).count("/") == 2
