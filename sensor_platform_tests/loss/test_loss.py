"""Nothing acknowledged is ever lost: numbered messages, a real broker, kill -9 at random moments, a disk that fails."""

import time
from pathlib import Path

import pytest

from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform_tests.loss.chaos import FAILING_DISK, Plan, message, run_chaos
from sensor_platform_tests.running import RunningBroker, RunningCollector, wait_until

pytestmark = pytest.mark.mosquitto


def test_killed_at_random_moments_at_qos_1_nothing_is_missing(tmp_path: Path, broker: RunningBroker) -> None:
    outcome = run_chaos(Plan(messages=20_000, rate=5_000, kills=5, seed=1), tmp_path, broker)
    assert outcome.missing == 0, outcome
    assert outcome.kills >= 4
    assert outcome.doubled <= outcome.suspects, "what is stored twice says so"


@pytest.mark.parametrize(("qos", "protocol"), [(1, "3.1.1"), (2, "5")])
def test_killed_with_every_protocol_and_qos_2_nothing_is_missing(
    tmp_path: Path, broker: RunningBroker, qos: int, protocol: str
) -> None:
    plan = Plan(messages=5_000, rate=2_000, kills=3, seed=2, qos=qos, protocol=protocol)
    outcome = run_chaos(plan, tmp_path, broker)
    assert outcome.missing == 0, outcome
    assert outcome.doubled <= outcome.suspects


def test_killed_collector_and_lander_every_message_is_landed(tmp_path: Path, broker: RunningBroker) -> None:
    plan = Plan(messages=10_000, rate=1_500, kills=4, seed=3, victim="any", is_landing=True)
    outcome = run_chaos(plan, tmp_path, broker)
    assert outcome.missing == 0, outcome
    assert outcome.doubled <= outcome.suspects + outcome.duplicates
    assert not list((tmp_path / "home" / "wal").glob("*.wal")), "everything is landed before it exits"


def test_a_collector_that_acknowledges_before_it_writes_is_seen_to_lose(tmp_path: Path, broker: RunningBroker) -> None:
    for seed in range(1, 6):  # on a busy machine a few kills may all fall between two messages
        plan = Plan(messages=20_000, rate=4_000, kills=5, seed=seed, is_patient=True, is_ack_first=True)
        if run_chaos(plan, tmp_path / str(seed), broker).missing:
            return
    pytest.fail("the experiment is blind")


@pytest.mark.parametrize("fault", ["full", "short", "torn", "fsync", "rename"])
def test_a_disk_that_fails_stops_the_reading_and_loses_nothing(
    tmp_path: Path, broker: RunningBroker, fault: str
) -> None:
    switch = tmp_path / "fault"
    collector = RunningCollector(tmp_path / "home", broker.url, command=FAILING_DISK, environ={"FAULT": str(switch)})
    collector.start()
    try:
        with Publisher(broker.address, PublisherOptions(window=500)) as publisher:
            for number in range(6_000):
                publisher.publish(*message(number))
                if number == 2_000:
                    switch.write_text(fault)
                if number == 4_000:
                    publisher.pump(0.5)
                    if fault in ("full", "torn", "fsync"):
                        wait_until(lambda: "reading stopped" in collector.log.read_text(), "the collector to notice")
                    switch.unlink()
                if number % 100 == 0:
                    publisher.pump(0.01)
            assert publisher.drain()
        collector.wait_for_messages(6_000, 30.0)
        time.sleep(0.3)
        assert collector.stop() == 0
    finally:
        if collector.process and collector.process.poll() is None:
            collector.kill()
    stored = [e.payload for e in collector.envelopes() if e.flags != EnvelopeFlag.DUPLICATE]
    assert sorted(stored) == sorted(message(number)[1] for number in range(6_000))
    if fault in ("full", "torn", "fsync"):
        assert collector.status.counters.stalls >= 1


def test_a_stalled_collector_says_so_in_its_status(tmp_path: Path, broker: RunningBroker) -> None:
    switch = tmp_path / "fault"
    collector = RunningCollector(tmp_path / "home", broker.url, command=FAILING_DISK, environ={"FAULT": str(switch)})
    collector.start()
    try:
        switch.write_text("fsync")
        with Publisher(broker.address) as publisher:
            publisher.publish(*message(0))
            publisher.drain()
            wait_until(lambda: collector.status.state == "stalled", "the status")
            assert "Input/output error" in (collector.status.problem or "")
            switch.unlink()
            wait_until(lambda: collector.status.state == "connected", "recovery")
            assert collector.status.problem is None
        assert collector.stop() == 0
    finally:
        if collector.process and collector.process.poll() is None:
            collector.kill()
