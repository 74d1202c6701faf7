import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform.collect.brokers.local import free_port, local_broker
from sensor_platform.collect.config import Broker
from sensor_platform.demo.facts import Facts, Observer
from sensor_platform.demo.feed import Feed
from sensor_platform.devices.replay_rows import Message
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.settings import broker_from

START = datetime(2026, 1, 1, tzinfo=UTC)


def messages(count: int) -> list[Message]:
    return [(START + timedelta(hours=hour), "t", b"%d" % hour) for hour in range(count)]


def wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.mosquitto
def test_counts_add_up_over_all_that_was_sent_and_a_schedule_is_kept(tmp_path: Path) -> None:
    with local_broker(tmp_path, kind="mosquitto") as broker, closing(Feed(broker_from(broker.url))) as feed:
        feed.send(messages(3000), None)
        wait(lambda: not feed.is_busy)
        assert feed.counts() == (3000, 3000)
        begin = time.monotonic()
        feed.send(messages(6), 3600 * 10)
        wait(lambda: not feed.is_busy)
        assert feed.counts() == (3006, 3006)
        assert time.monotonic() - begin >= 0.5, "five pauses of 0.1 s"


@pytest.mark.mosquitto
def test_closing_ends_a_long_schedule_at_once(tmp_path: Path) -> None:
    with local_broker(tmp_path, kind="mosquitto") as broker:
        feed = Feed(broker_from(broker.url))
        feed.send(messages(100), 1.0)
        wait(lambda: feed.counts()[0] == 1)
        feed.close()
        assert not feed.is_busy
        assert feed.counts()[0] < 100, "the schedule was not played to its end"
    assert not [thread for thread in threading.enumerate() if thread.name == "feed"]


def test_what_ended_the_sending_is_raised_to_whoever_watches() -> None:
    with closing(Feed(Broker(port=free_port()))) as feed:
        feed.send(messages(1), None)
        with pytest.raises(Unreachable, match="no broker"):
            wait(lambda: not feed.is_busy)


def observer(home: Home, cut: datetime, settled: Callable[[], bool]) -> Observer:
    return Observer(home, f"http://127.0.0.1:{free_port()}", cut, lambda: (5, 4), settled)


def test_a_look_before_anything_exists_knows_only_what_was_sent(tmp_path: Path, cut: datetime) -> None:
    assert observer(Home(tmp_path), cut, lambda: True).look() == Facts(5, 4, None, None, None)


def test_a_look_reads_the_ledger_and_asks_whether_all_is_settled_only_when_it_can_be(
    tmp_path: Path, cut: datetime
) -> None:
    with open_ledger(Home(tmp_path)) as ledger:
        ledger.execute(
            "insert into segments (segment, position, committed_at, contract_version, messages, landed, quarantined,"
            " duplicate, readings, rejected_readings)"
            " values ('s-1-1', 1, 0, 'v', 9, 6, 2, 1, 60, 0)"
        )

    def never() -> bool:
        raise AssertionError("asked for nothing: messages are missing and Dagster does not answer")

    facts = observer(Home(tmp_path), cut, never).look()
    assert facts.ledger is not None
    assert (facts.ledger.landed, facts.ledger.quarantined, facts.ledger.duplicate, facts.accounted) == (6, 2, 1, 9)
    assert not facts.is_complete
