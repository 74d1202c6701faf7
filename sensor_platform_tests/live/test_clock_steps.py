"""The live engine while its clock, and that of the collector, is wrong for a while: nothing stays frozen afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.live.engine.loop import Loop
from sensor_platform.stream.rules import Count, NoData, Stuck, Threshold
from sensor_platform_tests.landing.homes import T0, Message
from sensor_platform_tests.live.stream_runs import WrittenStream, closed_rows, loop_of
from sensor_platform_tests.stream.streams import SECOND

JUMPS = {"-1 day": -DAY, "+1 hour": HOUR, "+10 days": 10 * DAY, "+3 years": 1095 * DAY}
RULES = (
    Threshold(name="hot", metric="temp", above=60.0),
    Threshold(name="hot for long", metric="temp", above=60.0, for_="4s"),
    Count(name="often", metric="temp", above=60.0, more_than=2, window="30s"),
    Stuck(name="stuck", metric="mode", unchanged_for="8s"),
    NoData(name="silent", after="7s"),
)


class Bench:
    """A live loop whose messages arrive by its own clock."""

    def __init__(self, home: Home) -> None:
        self.home, self.now = home, T0
        self.loop = loop_of(home, lambda: self.now, rules=RULES)
        self.stream = WrittenStream(home, [])

    def run(self, seconds: int, temp: float | None = 20.0, mode: int | None = None) -> None:
        """A message and a step each second, by two devices: one without a clock, one with the true time."""
        for number in range(seconds):
            self.now += SECOND
            if temp is not None:
                state = self.now // SECOND if mode is None else mode
                body = b'{"id":"plain","temp":%f,"mode":%d}' % (temp, state)
                self.stream._messages = [(self.now, Message(body))]
                self.stream.write(1)
            self.loop.step(look=number == 0)

    def fired(self, since: int) -> set[str]:
        with sqlite3.connect(self.home.live_file) as connection:
            rows = connection.execute(
                "select rule from alerts join events using (alert_id) where kind = 'fired' and events.noticed_at >= ?",
                (since,),
            )
            return {rule for (rule,) in rows}

    def windows(self, first: int, last: int) -> list[int]:
        rows = closed_rows(self.home)
        return [row["start"] for row in rows if first <= row["start"] <= last and row["spec"] == rows[0]["spec"]]


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    made = Bench(Home(folder / "home"))
    with made.loop.opened():
        try:
            yield made
        finally:
            made.stream.seal()


def value_of(loop: Loop) -> float:
    series = loop.engine.index.find("plain", "temp")
    return float(loop.engine.index.by_series["value"][series])


@pytest.mark.parametrize("jump", JUMPS)
def test_after_a_clock_was_wrong_windows_close_and_rules_fire(tmp_path: Path, jump: str) -> None:
    with bench(tmp_path) as live:
        live.run(20)
        live.now += JUMPS[jump]
        live.run(20)
        live.now -= JUMPS[jump]
        back = live.now
        live.run(60)
        assert live.loop.engine.now == live.now
        assert live.windows(back + 10 * SECOND, back + 40 * SECOND), "no window closes after the clock is right again"
        before = live.now
        live.run(12, temp=70.0, mode=7)
        assert value_of(live.loop) == 70.0
        live.run(20, temp=None)
        assert live.fired(before) == {"hot", "hot for long", "often", "stuck", "silent"}


@pytest.mark.parametrize("jump", JUMPS)
def test_an_alert_that_fires_while_the_clock_is_wrong_is_resolved_afterwards(tmp_path: Path, jump: str) -> None:
    with bench(tmp_path) as live:
        live.run(10)
        live.now += JUMPS[jump]
        live.run(10, temp=70.0)
        live.now -= JUMPS[jump]
        live.run(40)
        assert [alert.rule for alert in live.loop.engine.rule_set.active()] == []


@pytest.mark.parametrize("jump", JUMPS)
def test_a_collector_whose_clock_alone_is_wrong_hides_nothing(tmp_path: Path, jump: str) -> None:
    with bench(tmp_path) as live:
        live.run(10)
        for _ in range(10):
            live.now += SECOND
            live.stream._messages = [(live.now + JUMPS[jump], Message(b'{"id":"plain","temp":20}'))]
            live.stream.write(1)
            live.loop.step()
        before = live.now
        assert live.loop.engine.now == before
        live.run(10, temp=70.0, mode=7)
        assert value_of(live.loop) == 70.0
        live.run(20, temp=None)
        assert {"hot", "silent"} <= live.fired(before)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_restart_while_the_clock_is_wrong_gives_the_same_state(tmp_path: Path, jump: str) -> None:
    with bench(tmp_path) as live:
        live.loop._snapshots.seconds = 3600.0  # so that every step is run again
        live.run(10)
        live.now += JUMPS[jump]
        live.run(10, temp=70.0)
        live.now -= JUMPS[jump]
        live.run(10)
        again = loop_of(live.home, lambda: live.now, rules=RULES)
        again._store.open()
        again._restore()
        mine, other = live.loop.engine.dump(), again.engine.dump()
        again._store.close()
        again._state.collectors.close()
        assert mine["alarms"] == other["alarms"]
        assert mine["counts"] == other["counts"]
        assert mine["windows"] == other["windows"]
