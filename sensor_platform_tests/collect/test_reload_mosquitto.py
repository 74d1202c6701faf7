"""A running collector follows its settings at a real broker, and loses nothing by it."""

import threading
import time
from pathlib import Path
from typing import Self

import pytest

from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.versions.reports import read_reports
from sensor_platform.versions.site_files import read_site_files
from sensor_platform_tests.running import RunningBroker, RunningCollector, running_collector, wait_until, write_site

pytestmark = pytest.mark.mosquitto


class Sender:
    """Publishes numbers to some topics until it is stopped."""

    def __init__(self, broker: RunningBroker, *topics: str) -> None:
        self.count = 0
        self._topics = topics
        self._broker = broker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with Publisher(self._broker.address, PublisherOptions(qos=1)) as publisher:
            while not self._stop.wait(0.005):
                for topic in self._topics:
                    publisher.publish(topic, b"%d" % self.count)
                self.count += 1
            assert publisher.drain()


def wait_until_in_force(collector: RunningCollector, site: Path) -> None:
    def is_in_force() -> bool:
        reports = {each.process: each for each in read_reports(collector.home, time.time())}
        wanted = read_site_files(site).versions
        return "collector" in reports and reports["collector"].versions == wanted

    wait_until(is_in_force, "the collector to have the site in force")


def test_subscriptions_change_on_the_connection_while_messages_arrive(tmp_path: Path, broker: RunningBroker) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "both/#"}, {"topic": "old/#"}])
    with running_collector(tmp_path / "home", broker.url, site=site) as collector, Sender(broker, "both/x") as sender:
        wait_until(lambda: sender.count > 10, "messages")
        write_site(site, subscriptions=[{"topic": "both/#"}, {"topic": "new/#", "qos": 2}])
        wait_until_in_force(collector, site)
        with Publisher(broker.address, PublisherOptions(qos=1)) as publisher:
            for topic in ("old/x", "new/x"):
                publisher.publish(topic, b"last")
            assert publisher.drain()
        at = sender.count
        wait_until(lambda: sender.count > at + 10, "more messages")
        sender.__exit__()
        collector.wait_for_messages(sender.count + 1)
        assert collector.status.counters.connects == 1
        collector.stop()
    stored = collector.envelopes()
    numbers = [int(each.payload) for each in stored if each.topic == "both/x"]
    assert numbers == list(range(sender.count))
    assert [each.topic for each in stored if each.payload == b"last"] == ["new/x"]


def test_other_settings_connect_again_and_the_session_goes_on(tmp_path: Path, broker: RunningBroker) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "both/#"}])
    with running_collector(tmp_path / "home", broker.url, site=site) as collector, Sender(broker, "both/x") as sender:
        wait_until(lambda: sender.count > 10, "messages")
        write_site(site, subscriptions=[{"topic": "both/#"}], receive_maximum=100)
        wait_until_in_force(collector, site)
        at = sender.count
        wait_until(lambda: sender.count > at + 10, "more messages")
        sender.__exit__()
        collector.wait_for_messages(sender.count)
        collector.stop()
    numbers = [int(each.payload) for each in collector.envelopes() if not each.flags]
    assert numbers == list(range(sender.count))


def test_a_wrong_file_stops_nothing_and_is_named(tmp_path: Path, broker: RunningBroker) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "both/#"}])
    good = (site / "site.yaml").read_bytes()
    with running_collector(tmp_path / "home", broker.url, site=site) as collector, Sender(broker, "both/x") as sender:
        (site / "site.yaml").write_text("collect:\n  subscriptions: [\n")

        def problems() -> list[str]:
            return [each.problem for each in read_reports(collector.home, time.time()) if each.problem]

        wait_until(lambda: bool(problems()), "the mistake to be named")
        assert "site.yaml:3" in problems()[0]
        (site / "site.yaml").write_bytes(good)
        wait_until(lambda: not problems(), "the mistake to be forgotten")
        sender.__exit__()
        collector.wait_for_messages(sender.count)
        collector.stop()
    assert [int(each.payload) for each in collector.envelopes()] == list(range(sender.count))
