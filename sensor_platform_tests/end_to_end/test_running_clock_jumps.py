"""A collector with its lander whose clock is wrong for a while as they run; the monotonic clock stays right."""

import json
from pathlib import Path

import pytest

from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.ledger import landing_floor, read_ledger, totals
from sensor_platform.live.monitor.platform_status import StatusPoller
from sensor_platform_tests.running import RunningBroker, RunningCollector, broker, wait_until, write_site

pytestmark = [
    pytest.mark.mosquitto,
]
DAY = 86_400
JUMPS = [
    pytest.param(-DAY, marks=pytest.mark.soak),
    pytest.param(3600, marks=pytest.mark.soak),
    pytest.param(10 * DAY, marks=pytest.mark.soak),
    1095 * DAY,
]
_EACH = 50
__all__ = ["broker"]


_CUSTOM = """
import os, time
_time_ns = time.time_ns
def offset():
    with open(os.environ["CLOCK_OFFSET"]) as file:
        return int(file.read() or 0) * 1_000_000_000
time.time_ns = lambda: _time_ns() + offset()
time.time = lambda: time.time_ns() / 1e9
"""
"""Python runs it at each start. With libfaketime `time.sleep` fails, or the monotonic clock jumps too."""


class JumpingClock:
    """The clock of processes that run already."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_CUSTOM)
        self._file = folder / "offset"
        self.set(0)
        self.environ = {"PYTHONPATH": str(folder), "CLOCK_OFFSET": str(self._file)}

    def set(self, seconds: int) -> None:
        """Wrong by this from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)


class Bench:
    """A collector with its lander, and a publisher of numbered messages."""

    def __init__(self, folder: Path, broker: RunningBroker) -> None:
        site = write_site(folder / "site", seal_seconds=0.5)
        self.clock = JumpingClock(folder / "clock")
        self.collector = RunningCollector(
            folder / "home", broker.url, site=site, arguments=("collect",), environ=self.clock.environ
        )
        self.home, self.sent, self._broker = self.collector.home, 0, broker

    def landed(self) -> int:
        with read_ledger(self.home) as ledger:
            return totals(ledger).landed if ledger else 0

    def send(self) -> None:
        """Publish some messages and wait until they have landed."""
        with Publisher(self._broker.address, PublisherOptions(qos=1)) as publisher:
            for number in range(self.sent, self.sent + _EACH):
                publisher.publish("sensors/d1", b'{"device_id":"d1","n":%d}' % number)
            assert publisher.drain()
        self.sent += _EACH
        wait_until(lambda: self.landed() == self.sent, f"{self.sent} landed\n{self.collector.log.read_text()}", 60)

    def state(self) -> str:
        """Of the collector, as the page shows it by the right clock."""
        return StatusPoller(self.home).read().states.get("collector", "")


@pytest.mark.parametrize("jump", JUMPS)
def test_a_collector_and_its_lander_go_on_through_a_jump_of_the_clock(
    tmp_path: Path, broker: RunningBroker, jump: int
) -> None:
    bench = Bench(tmp_path, broker)
    bench.collector.start()
    try:
        bench.send()
        bench.clock.set(jump)
        bench.send()
        bench.clock.set(0)
        bench.send()
        wait_until(lambda: bench.state() == "connected", "the collector shows that it lives", 30)
        bench.clock.set(jump)
        bench.send()
        bench.collector.kill()
        wait_until(lambda: bench.state() == "gone", "it was killed while its clock was wrong", 30)
        bench.collector.start()  # its segments must be named after those of before, whatever the clock says
        bench.send()
        bench.collector.kill()
        bench.clock.set(0)
        bench.collector.start()
        bench.send()
        assert bench.collector.stop() == 0
    finally:
        if bench.collector.process and bench.collector.process.poll() is None:
            bench.collector.kill()
    numbers = [json.loads(envelope.payload)["n"] for envelope in bench.collector.envelopes()]
    assert list(dict.fromkeys(numbers)) == list(range(bench.sent)), "missing, or in another order"
    found = audit(bench.home)
    assert (found.is_whole, found.missing) == (True, ())
    with read_ledger(bench.home) as ledger:
        assert ledger is not None
        assert landing_floor(ledger) is None
