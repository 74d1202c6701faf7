"""The engine as a whole: messages and the time in, windows and events out."""

import json
from typing import Any

import msgspec

from sensor_platform.live.engine.emitted_windows import rows_of
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.config import EngineConfig, WindowSpec
from sensor_platform.stream.engine import Engine, TickResult
from sensor_platform.stream.rules import Anomaly, NoData, Rule, Threshold
from sensor_platform.stream.series import NEVER
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.stream.given import SECOND, noon

HOT = Threshold(name="hot", metric="temp", above=60.0)
SLOW = Threshold(name="slow", metric="temp", above=60.0, for_="30s")
CONFIG = EngineConfig(windows=(WindowSpec(),), settle="2s")


def engine(*rules: Rule, config: EngineConfig = CONFIG) -> Engine:
    return Engine(config, EngineCatalog(limits={"temp": (None, 100.0)}), rules)


def take(one: Engine, *some: tuple[float, float], **more: Any) -> list[Event]:
    """Messages with (seconds, temperature) that arrive at once."""
    bodies = [{"device_id": "a", "temp": value, "timestamp": noon(at) / 1e6} | more for at, value in some]
    received_at = [noon(at) for at, _ in some]
    batch = MessageBatch(["sensors/a"] * len(some), [json.dumps(body).encode() for body in bodies], received_at)
    decoded = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND)).decode(batch)
    return one.take(decoded, received_at, set(), set(), received_at[-1])[1]


def take_kept(one: Engine, arrived: float, **body: Any) -> list[Event]:
    """A message that the broker had kept."""
    payload = json.dumps({"device_id": "a"} | body).encode()
    batch = MessageBatch(["sensors/a"], [payload], [noon(arrived)], retained={0})
    contract = msgspec.structs.replace(DEFAULT_CONTRACT, retained="uncertain")
    decoded = Decoder([contract], TimeLimits(0, 3600 * SECOND)).decode(batch)
    return one.take(decoded, [noon(arrived)], set(), set(), noon(arrived), {0})[1]


def windows(ticked: TickResult) -> list[tuple[float, int, int]]:
    """Start in seconds, n and bad_n of the closed windows."""
    found = []
    for closed in ticked.closed:
        starts = (closed.columns["start"] - noon(0)) / SECOND
        found += list(zip(starts.tolist(), closed.columns["n"].tolist(), closed.columns["bad_n"].tolist(), strict=True))
    return found


def test_messages_become_windows_and_alarms() -> None:
    one = engine(HOT)
    assert [event.kind for event in take(one, (0, 20), (1, 61), (2, 101), (12, 20))] == ["fired", "resolved"]
    assert windows(one.tick(noon(12))) == [(0.0, 2, 1)]
    assert (one.messages, one.readings, one.bad) == (4, 4, 1)


def test_a_repeat_counts_once() -> None:
    one = engine()
    take(one, (0, 20), (1, 21), message_id="x")
    take(one, (1, 21), (30, 20), message_id="x")
    assert windows(one.tick(noon(30))) == [(0.0, 2, 0)]
    assert (one.messages, one.readings) == (4, 3)


def test_a_device_whose_clock_is_ahead_closes_nothing_early() -> None:
    one = engine()
    take(one, (0, 20))
    body = json.dumps({"device_id": "a", "temp": 20, "timestamp": noon(900) / 1e6}).encode()
    batch = MessageBatch(["sensors/a"], [body], [noon(1)])
    decoded = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND)).decode(batch)
    one.take(decoded, [noon(1)], set(), set(), noon(1))
    assert windows(one.tick(noon(2))) == []


def test_time_outs_are_served_after_the_settling_time() -> None:
    one = engine(SLOW)
    take(one, (0, 61))
    assert one.tick(noon(31.9)).events == []
    (event,) = one.tick(noon(32)).events
    assert (event.kind, event.noticed_at) == ("fired", noon(30))


def test_time_does_not_go_back() -> None:
    one = engine()
    one.tick(noon(10))
    one.tick(noon(5))
    assert one.now == one.ticked == noon(10)


def test_scores_are_counted_in_without_a_message() -> None:
    one = engine(Anomaly(name="odd", metric="temp", above=1.0))
    rows = [("a", "anomaly_score:temp", noon(0), noon(5), 0.5), ("a", "anomaly_score:temp", noon(1), noon(6), 1.5)]
    (event,) = one.inject(rows, noon(6))
    assert (event.device_id, event.metric, event.value, event.noticed_at) == ("a", "temp", 1.5, noon(6))
    assert one.inject([], noon(7)) == []


def test_the_newest_value_of_each_series_is_known() -> None:
    one = engine()
    take(one, (5, 20), (6, 21))
    take(one, (4, 99))
    series = one.index.find("a", "temp")
    known = {name: column[series].item() for name, column in one.index.by_series.columns.items()}
    assert (known["value"], known["event_at"], known["count"]) == (21.0, noon(6), 3)
    assert one.index.by_device["watermark"][0] == noon(6)


def test_a_snapshot_in_the_middle_changes_nothing_and_what_is_new_is_named() -> None:
    one = engine(HOT, SLOW)
    take(one, (0, 61), (1, 62))
    config = EngineConfig(windows=(WindowSpec(), WindowSpec(length="1m")), settle="2s")
    again = engine(HOT, SLOW, Threshold(name="new", metric="temp", above=0.0), config=config)
    assert again.load(one.dump()) == ["window 1m", "rule new"]
    same = engine(HOT, SLOW)
    assert same.load(one.dump()) == []
    assert take(same, (20, 1)) == take(one, (20, 1)) != []
    assert windows(same.tick(noon(60))) == windows(one.tick(noon(60))) != []
    assert same.messages == one.messages == 3


def test_what_the_broker_had_kept_does_not_show_that_a_device_is_alive() -> None:
    one = engine(NoData(name="silent", after="60s"))
    take(one, (0, 20))
    assert [event.kind for event in one.tick(noon(100)).events] == ["fired"]
    assert take_kept(one, 110, temp=20, timestamp=noon(-3000) / 1e6) == []
    assert take_kept(one, 120, temp=20) == []
    assert one.index.by_device["received_at"][0] == noon(0)
    assert [event.kind for event in take(one, (130, 20))] == ["resolved"]


def test_a_kept_copy_of_the_newest_reading_counts_once() -> None:
    one = engine()
    take(one, (0, 20), (1, 21))
    take_kept(one, 5, temp=21, timestamp=noon(1) / 1e6)
    take_kept(one, 6, temp=22, timestamp=noon(2) / 1e6)
    take_kept(one, 7, temp=22, timestamp=noon(2) / 1e6)
    assert windows(one.tick(noon(60))) == [(0.0, 3, 0)]


def test_a_window_of_kept_readings_alone_has_no_arrival() -> None:
    one = engine()
    take_kept(one, 5, temp=21)
    (closed,) = one.tick(noon(600)).closed
    assert (closed.columns["uncertain_n"].tolist(), closed.columns["last_received_at"].tolist()) == ([1], [NEVER])
    (row,) = rows_of(closed, one.index)
    assert row["last_received_at"] is None
