"""The collector against a real broker: QoS and protocols, sessions, subscriptions, sizes, a broker that goes away."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
import psutil
import pytest

from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform_tests.running import RunningBroker, RunningCollector, running_collector, wait_until, write_site

pytestmark = pytest.mark.mosquitto


def publish(broker: RunningBroker, payloads: list[bytes], *, qos: int = 1, topic: str = "sensors/d1") -> None:
    with Publisher(broker.address, PublisherOptions(qos=qos)) as publisher:
        for payload in payloads:
            publisher.publish(topic, payload)
        assert publisher.drain()


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_of_every_qos_and_protocol_are_stored_as_sent(
    tmp_path: Path, broker: RunningBroker, protocol: str, qos: int
) -> None:
    site = write_site(tmp_path / "site", protocol=protocol, subscriptions=[{"topic": "sensors/#", "qos": 2}])
    payloads = [b"", b"\x00\xff binary", *(b"%d" % number for number in range(300))]
    with running_collector(tmp_path / "home", broker.url, site=site) as collector:
        publish(broker, payloads, qos=qos)
        collector.wait_for_messages(len(payloads))
        assert collector.status.counters.best_effort == (len(payloads) if qos == 0 else 0)
        assert collector.status.lane == "bulk"
        assert collector.stop() == 0
    stored = collector.envelopes()
    assert [envelope.payload for envelope in stored] == payloads
    assert {envelope.qos for envelope in stored} == {qos}
    assert {envelope.topic for envelope in stored} == {"sensors/d1"}
    assert {envelope.flags for envelope in stored} == {EnvelopeFlag.NONE}


def test_everything_is_acknowledged_in_the_end(tmp_path: Path, broker: RunningBroker) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "sensors/#", "qos": 2}])
    payloads = [b"%d" % number for number in range(500)]
    for run in (1, 2):
        with running_collector(tmp_path / "home", broker.url, site=site) as collector:
            if run == 1:
                publish(broker, payloads, qos=2)
                publish(broker, payloads, qos=1)
                collector.wait_for_messages(1000)
            else:
                publish(broker, [b"last"])
                collector.wait_for_messages(1)
            assert collector.stop() == 0
    assert len(collector.envelopes()) == 1001, "the broker had something to deliver again"


def test_mqtt_5_properties_are_kept(tmp_path: Path, broker: RunningBroker) -> None:
    with running_collector(tmp_path / "home", broker.url) as collector:
        argv = ["mosquitto_pub", "-p", str(broker.port), "-V", "mqttv5", "-q", "1", "-t", "sensors/x", "-m", "hello"]
        properties = [("content-type", "text/plain"), ("user-property", "plant", "north"), ("correlation-data", "abc")]
        argv += [word for group in properties for word in ("-D", "publish", *group)]
        subprocess.run(argv, check=True)
        collector.wait_for_messages(1)
        collector.stop()
    (envelope,) = collector.envelopes()
    assert envelope.payload == b"hello"
    assert envelope.content_type == "text/plain"
    assert envelope.user_properties == (("plant", "north"),)


def test_a_message_of_several_megabytes_arrives_whole(tmp_path: Path, broker: RunningBroker) -> None:
    large = bytes(range(256)) * (5 << 12)
    with running_collector(tmp_path / "home", broker.url) as collector:
        publish(broker, [b"before", large, b"after"])
        collector.wait_for_messages(3)
        collector.stop()
    assert [envelope.payload for envelope in collector.envelopes()] == [b"before", large, b"after"]


def test_what_is_sent_while_the_collector_is_away_waits_for_it(tmp_path: Path, broker: RunningBroker) -> None:
    with running_collector(tmp_path / "home", broker.url) as collector:
        collector.stop()
        publish(broker, [b"%d" % number for number in range(5000)])
        collector.start()
        collector.wait_for_messages(5000)
        collector.stop()
    assert {e.payload for e in collector.envelopes()} == {b"%d" % number for number in range(5000)}


def test_retained_messages_come_once_and_not_again_with_the_session(tmp_path: Path, broker: RunningBroker) -> None:
    mqtt_publish.single("sensors/r", b"retained", qos=1, retain=True, port=broker.port)
    with running_collector(tmp_path / "home", broker.url) as collector:
        collector.wait_for_messages(1)
        collector.stop()
        collector.start()
        publish(broker, [b"live"])
        collector.wait_for_messages(1)
        time.sleep(0.3)
        collector.stop()
    assert [(e.payload, e.retain) for e in collector.envelopes()] == [(b"retained", True), (b"live", False)]


def test_a_changed_subscription_replaces_the_one_in_the_session(tmp_path: Path, broker: RunningBroker) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "old/#"}, {"topic": "both"}])
    with running_collector(tmp_path / "home", broker.url, site=site) as collector:
        publish(broker, [b"1"], topic="old/x")
        collector.wait_for_messages(1)
        collector.stop()
        write_site(site, subscriptions=[{"topic": "new/#"}, {"topic": "both"}])
        collector.start()
        for topic in ("old/x", "both", "new/x"):
            publish(broker, [topic.encode()], topic=topic)
        collector.wait_for_messages(2)
        time.sleep(0.3)
        collector.stop()
    assert [envelope.payload for envelope in collector.envelopes()] == [b"1", b"both", b"new/x"]


def test_the_collector_says_online_and_its_last_will_says_offline(tmp_path: Path, broker: RunningBroker) -> None:
    def state() -> bytes:
        argv = ["mosquitto_sub", "-p", str(broker.port), "-t", "sensor-platform/collector/state", "-C", "1", "-W", "5"]
        return subprocess.run(argv, capture_output=True, check=False).stdout.strip()

    with running_collector(tmp_path / "home", broker.url) as collector:
        assert state() == b"online"
        collector.kill()
        wait_until(lambda: state() == b"offline", "the last will")
        collector.start()
        wait_until(lambda: state() == b"online", "online again")
        collector.stop()
        assert state() == b"offline"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_goes_away_is_found_again_and_nothing_is_missing(
    tmp_path: Path, broker: RunningBroker, how: str
) -> None:
    count = 6000
    with running_collector(tmp_path / "home", broker.url) as collector:
        with Publisher(broker.address, PublisherOptions(window=500)) as publisher:
            for number in range(count):
                publisher.publish("sensors/d1", b"%d" % number)
                if number in (2000, 4000):
                    publisher.pump(0.05)
                    if how == "kill":  # what it had acknowledged in its last second is its own to lose
                        assert publisher.drain()
                        collector.wait_for_messages(number + 1)
                        time.sleep(2.5)
                    getattr(broker, how)()
                    broker.start()
            assert publisher.drain()
        wait_until(lambda: collector.status.state == "connected", "the broker to be found again", 30.0)
        collector.wait_for_messages(count, 30.0)
        time.sleep(0.5)
        assert collector.stop() == 0
    landed = [e.payload for e in collector.envelopes() if e.flags != EnvelopeFlag.DUPLICATE]
    assert set(landed) == {b"%d" % number for number in range(count)}
    assert collector.status.counters.disconnects >= 1  # a quick second restart may fall into the same absence


def test_a_broker_that_forgets_the_session_gets_the_subscriptions_again(tmp_path: Path, broker: RunningBroker) -> None:
    with running_collector(tmp_path / "home", broker.url) as collector:
        publish(broker, [b"before"])
        collector.wait_for_messages(1)
        broker.stop()
        broker.forget()
        broker.start()
        wait_until(lambda: collector.status.counters.connects > 1, "another connection")
        wait_until(lambda: collector.status.state == "connected", "the subscription")
        publish(broker, [b"after"])
        collector.wait_for_messages(2)
        assert collector.stop() == 0
    before, after = collector.envelopes()
    assert (before.payload, after.payload) == (b"before", b"after")
    assert before.session != after.session


def test_a_broker_that_is_not_there_yet_is_waited_for_with_one_line(tmp_path: Path, broker: RunningBroker) -> None:
    broker.stop()
    collector = RunningCollector(tmp_path / "home", broker.url)
    collector.spawn()
    wait_until(lambda: "refused" in collector.log.read_text(), "the first attempt")
    time.sleep(1.5)
    broker.start()
    assert collector.process is not None
    assert collector.process.stdout is not None
    assert collector.process.stdout.readline() == "ready\n"
    assert collector.stop() == 0
    assert collector.log.read_text().count("refused") == 1


def test_only_qos_1_and_2_survive_a_kill_and_each_message_once(tmp_path: Path, broker: RunningBroker) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "sensors/#", "qos": 2}])
    with running_collector(tmp_path / "home", broker.url, site=site) as collector:
        for qos in (1, 2):
            with Publisher(broker.address, PublisherOptions(qos=qos, window=200)) as publisher:
                for number in range(3000):
                    publisher.publish(f"sensors/{qos}", b"%d" % number)
                    if number in (1000, 2000):
                        collector.kill()
                        collector.start()
                assert publisher.drain()
        wait_until(lambda: collector.status.state == "connected", "connection")
        time.sleep(1.0)
        collector.stop()
    for qos in (1, 2):
        kept = [e for e in collector.envelopes() if e.qos == qos and e.flags != EnvelopeFlag.DUPLICATE]
        assert sorted(int(e.payload) for e in kept) == list(range(3000))


def test_sigint_stops_it_in_order_too(tmp_path: Path, broker: RunningBroker) -> None:
    with running_collector(tmp_path / "home", broker.url) as collector:
        publish(broker, [b"x"])
        collector.wait_for_messages(1)
        collector.signal(signal.SIGINT)
        assert collector.wait() == 0
    assert len(collector.envelopes()) == 1
    assert collector.status.state == "stopping"


def program(text: str) -> tuple[str, ...]:
    """A command that runs `text` and then the command line."""
    return (sys.executable, "-c", f"{text}\nfrom sensor_platform.cli.main import main\nmain()\n")


def test_it_stays_small_and_imports_nothing_heavy(tmp_path: Path, broker: RunningBroker) -> None:
    names = tmp_path / "modules.json"
    report = f"json.dump(sorted(sys.modules), open({str(names)!r}, 'w'))"
    command = program(f"import atexit, json, sys\natexit.register(lambda: {report})")
    with running_collector(tmp_path / "home", broker.url, command=command) as collector:
        publish(broker, [b"x" * 200] * 20000)
        collector.wait_for_messages(20000)
        assert collector.process is not None
        assert psutil.Process(collector.process.pid).memory_info().rss < 100 << 20
        assert collector.stop() == 0
    loaded = {name.partition(".")[0] for name in json.loads(names.read_text())}
    assert "paho" in loaded
    assert not loaded & {"polars", "duckdb", "pyarrow", "dagster", "dbt", "lightgbm", "numpy", "pandas"}


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_with_another_paho_it_takes_the_stock_path_and_still_loses_nothing(
    tmp_path: Path, broker: RunningBroker, protocol: str
) -> None:
    site = write_site(tmp_path / "site", protocol=protocol, subscriptions=[{"topic": "sensors/#", "qos": 2}])
    command = program(
        "from sensor_platform.collect.mqtt import selftest\nselftest._try = lambda: 'its socket has another name'"
    )
    payloads = [b"", b"\x00\xff binary", *(b"%d" % number for number in range(2000))]
    with running_collector(tmp_path / "home", broker.url, site=site, command=command) as collector:
        publish(broker, payloads[:1000])
        collector.wait_for_messages(1000)
        assert collector.status.lane == "stock"
        collector.kill()
        publish(broker, payloads[1000:], qos=2)
        collector.start()
        collector.wait_for_messages(len(payloads) - 1000)
        assert collector.stop() == 0
    stored = [e for e in collector.envelopes() if e.flags != EnvelopeFlag.DUPLICATE]
    assert [e.payload for e in stored] == payloads
    assert {e.qos for e in stored} == {1}
    assert "slow path" in collector.log.read_text()


def test_a_lander_that_dies_is_started_again_and_everything_is_landed_at_the_end(
    tmp_path: Path, broker: RunningBroker
) -> None:
    collector = RunningCollector(tmp_path / "home", broker.url, arguments=("collect",))
    collector.start()
    assert collector.process is not None
    mine = psutil.Process(collector.process.pid)
    wait_until(lambda: bool(mine.children()), "the lander")
    (first,) = mine.children()
    first.kill()
    wait_until(lambda: any(child.pid != first.pid for child in mine.children()), "another lander")
    second = next(child for child in mine.children() if child.pid != first.pid)
    publish(broker, [b'{"device_id":"d1","seq":%d,"temperature":1}' % number for number in range(500)])
    collector.wait_for_messages(500)
    assert collector.stop() == 0
    assert not list(collector.home.wal.glob("*.wal"))
    assert len(list(collector.home.landing.glob("*/*.parquet"))) >= 1
    assert not second.is_running()


def test_a_lander_does_not_outlive_a_killed_collector(tmp_path: Path, broker: RunningBroker) -> None:
    collector = RunningCollector(tmp_path / "home", broker.url, arguments=("collect",))
    collector.start()
    assert collector.process is not None
    mine = psutil.Process(collector.process.pid)
    wait_until(lambda: bool(mine.children()), "the lander")
    (lander,) = mine.children()
    time.sleep(0.5)
    collector.kill()
    wait_until(lambda: not lander.is_running() or lander.status() == psutil.STATUS_ZOMBIE, "the lander's end")
