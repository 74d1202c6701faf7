"""Each kind of sink against a receiver of its kind."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sensor_platform.alert import store
from sensor_platform.alert.config import AlertConfig, Channel
from sensor_platform.errors import WrongUse
from sensor_platform.sinks.channel_check import send_tests, trial_notification
from sensor_platform.sinks.dispatcher import make_dispatchers
from sensor_platform.sinks.kafka_sink import KafkaSink, make_producer
from sensor_platform.sinks.sink import Connections, Destination, SinkMessage
from sensor_platform.sinks.sink_messages import fill_topic, notification_reader, read_whole
from sensor_platform.sinks.sink_table import channel_destination, make_sink
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.live.receivers import hook
from sensor_platform_tests.sinks.channels import NO_CONNECTIONS, event, put_out, states
from sensor_platform_tests.waiting import wait_for


def test_kafka_gets_notifications_keyed_by_device() -> None:
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


def test_a_test_notification_has_a_result_for_each_channel() -> None:
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


class Broker:
    """A broker that can be reached or not, as a test wants."""

    def __init__(self) -> None:
        self.is_connected = False
        self.published: list[tuple[str, str, bool]] = []

    def start(self) -> None:
        """Nothing to connect."""

    def publish_all(self, messages: Sequence[SinkMessage]) -> None:
        assert self.is_connected, "not tried while the broker is away"
        self.published += [(each.topic, each.key, each.retain) for each in messages]


def test_while_the_broker_is_away_mqtt_messages_wait_in_order_and_no_attempt_is_counted(tmp_path: Path) -> None:
    path, broker = tmp_path / "live.sqlite", Broker()
    connections = Connections(broker, None, lambda: None, {})
    channel = Channel(mqtt="alarms/{rule}/{device}", retain=True, attempts=2)
    (dispatcher,) = make_dispatchers([channel_destination("bus", channel)], connections, path, lambda: T0)
    put_out(path, [event(0), event(1)], channel="bus")
    with closing(store.connect(path)) as connection:
        assert [dispatcher.send_due(connection) for _ in range(5)] == [False] * 5
        assert (dispatcher.problem, dispatcher.failed, states(path)) == ("not connected", 0, ["waiting"] * 2)
        broker.is_connected = True
        assert [dispatcher.send_due(connection) for _ in range(3)] == [True, True, False]
    assert broker.published == [("alarms/hot/dev0", "dev0", True), ("alarms/hot/dev1", "dev1", True)]
    assert (dispatcher.problem, states(path)) == ("", ["sent"] * 2)


@pytest.mark.parametrize(
    ("destination", "refusal"),
    [
        (Destination("up", "mqtt", read_whole, "topic", is_uplink=True), "no upstream broker is set"),
        (channel_destination("kaf", Channel(kafka="alarms")), "live.kafka_servers is empty"),
        (channel_destination("hook", Channel(url="${HOOK}")), r"\$\{HOOK\} of a channel is not set"),
        (channel_destination("hook", Channel(url="nothing-known://x")), "apprise does not know the url"),
    ],
    ids=["uplink", "kafka", "secret", "url"],
)
def test_a_sink_that_can_never_send_is_refused_when_it_is_made(destination: Destination, refusal: str) -> None:
    pytest.importorskip("confluent_kafka")
    connections = Connections(Broker(), None, lambda: make_producer(""), {})
    with pytest.raises(WrongUse, match=refusal):
        make_sink(destination, connections)
