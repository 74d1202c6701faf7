"""Rules over history: the state machines that run live, fed with published readings in the order of their arrival.

What comes of it does not depend on how the rows are cut: a message that is cut in two waits for its second half.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from sensor_platform.alert.config import AlertConfig
from sensor_platform.kernel.durations import duration
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import BAD, GOOD, UNCERTAIN, Readings
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.rule_set import RuleSet
from sensor_platform.stream.series import SeriesIndex

READING_COLUMNS = (
    "device_id, metric, epoch_us(event_at) as event_at, epoch_us(received_at) as received_at, value, verdict, tags,"
    " segment, position"
)
ORDER = "received_at, segment, position, metric"
"""Order of arrival."""

_VERDICTS = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}
Columns = Mapping[str, Sequence[Any]]
Score = tuple[str, str, int, float]
"""Device, metric with its prefix, end of the hour in microseconds, value."""


@dataclass(slots=True)
class Replay:
    """One engine's alarms at work on history."""

    config: AlertConfig
    engine: EngineConfig
    index: SeriesIndex = field(init=False)
    rule_set: RuleSet = field(init=False)
    seen: int = 0
    """Rows so far."""
    newest: int = 0
    """Newest arrival."""
    _held: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = SeriesIndex(limit=self.engine.most_series)
        self.rule_set = RuleSet(self.config.rules, self.index, self.config.maintenance)

    def take(self, columns: Columns) -> tuple[Readings, list[Event]]:
        """Rows of READING_COLUMNS in ORDER. The newest message waits: more of it may follow."""
        rows = {name: [*self._held.get(name, ()), *values] for name, values in columns.items()}
        places = list(zip(rows["segment"], rows["position"], strict=True))
        whole = len(places)
        while whole and places[whole - 1] == places[-1]:
            whole -= 1
        self._held = {name: values[whole:] for name, values in rows.items()}
        return self._observe({name: values[:whole] for name, values in rows.items()}, places[:whole])

    def settle(self, until: int) -> tuple[Readings, list[Event]]:
        """The message that waited, and every time-out that is due when everything up to `until` has come."""
        rows, self._held = self._held, {}
        places = list(zip(rows.get("segment", ()), rows.get("position", ()), strict=True))
        readings, events = self._observe(rows, places)
        return readings, events + self.rule_set.tick(until - duration(self.engine.settle))

    def change(self, config: AlertConfig) -> None:
        """Other rules from here on. Those that stay go on, new and changed ones begin afresh, as in a live process."""
        rule_set = RuleSet(config.rules, self.index, config.maintenance)
        rule_set.load(self.rule_set.dump())
        self.config, self.rule_set = config, rule_set

    def dump(self) -> dict[str, Any]:
        """State for a snapshot; only after `settle`."""
        return {"index": self.index.dump(), "alarms": self.rule_set.dump(), "counts": [self.seen, self.newest]}

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot that was made with the same configuration."""
        self.index.load(dumped["index"])
        self.rule_set.load(dumped["alarms"])
        self.seen, self.newest = dumped["counts"]

    def _observe(self, rows: Columns, places: Sequence[tuple[Any, Any]]) -> tuple[Readings, list[Event]]:
        if not places:
            return readings_in({}, [], self.index, 0), []
        readings = readings_in(rows, places, self.index, self.seen)
        self.seen += len(places)
        self.newest = max(self.newest, int(rows["received_at"][-1]))
        events = self.rule_set.observe(readings) if len(readings) else []
        return readings, events + self.rule_set.tick(self.newest - duration(self.engine.settle))


def readings_in(rows: Columns, places: Sequence[tuple[Any, Any]], index: SeriesIndex, base: int) -> Readings:
    """Published rows as the engine's columns; rows of one message share its number."""
    count = len(places)
    device = index.device_numbers(rows["device_id"] if count else ())
    for number, tags in zip(device.tolist(), rows.get("tags", ()), strict=True):
        if tags and number >= 0:
            index.tags[number] = dict(tags)
    metric = np.array([index.metric_number(name) for name in rows.get("metric", ())], np.int64)
    is_new = np.array([True, *(a != b for a, b in pairwise(places))][:count], np.int64)
    readings = Readings(
        index.numbers(device, metric),
        base + np.cumsum(is_new),
        np.array(rows.get("event_at", ()), np.int64),
        np.array(rows.get("received_at", ()), np.int64),
        np.array(rows.get("value", ()), np.float64),
        np.array([_VERDICTS[verdict] for verdict in rows.get("verdict", ())], np.uint8),
        np.zeros(count, np.uint64),
        np.ones(count, np.bool_),
    )
    readings = readings.pick(readings.series >= 0)
    return readings.pick(np.lexsort((readings.message, readings.series)))


def about_scores(config: AlertConfig, *, wanted: bool) -> AlertConfig:
    """The rules about scores and forecasts alone, or all the others."""
    rules = tuple(rule for rule in config.rules if bool(rule.series_prefix) == wanted)
    return msgspec.structs.replace(config, rules=rules)


def replay_scores(
    epochs: Sequence[tuple[int, AlertConfig]],
    engine: EngineConfig,
    scores: Sequence[Score],
    tags: Mapping[str, Mapping[str, str]],
    until: int,
) -> list[Event]:
    """Events of rules about scores. A score counts as arrived when its hour ends, live and here alike.

    Args:
        epochs: rules, each with the time from which they are in force, oldest first.
        engine: of the live process.
        scores: in order of time.
        tags: by device, for rules that are about some.
        until: time-outs are served up to here.
    """
    if not epochs or not any(about_scores(config, wanted=True).rules for _, config in epochs):
        return []
    replay = Replay(about_scores(epochs[0][1], wanted=True), engine)
    ends = [since for since, _ in epochs[1:]] + [1 << 62]
    events: list[Event] = []
    first = 0
    for (_, config), end in zip(epochs, ends, strict=True):
        if config is not epochs[0][1]:
            replay.change(about_scores(config, wanted=True))
        last = first
        while last < len(scores) and scores[last][2] < end:
            last += 1
        for rows in _chunks(scores[first:last], tags):
            events += replay.take(rows)[1]
        events += replay.settle(min(until, end))[1]
        first = last
    return events


def _chunks(scores: Sequence[Score], tags: Mapping[str, Mapping[str, str]], size: int = 100_000) -> Iterator[Columns]:
    for start in range(0, len(scores), size):
        some = scores[start : start + size]
        yield {
            "device_id": [row[0] for row in some],
            "metric": [row[1] for row in some],
            "event_at": [row[2] for row in some],
            "received_at": [row[2] for row in some],
            "value": [row[3] for row in some],
            "verdict": ["good"] * len(some),
            "tags": [tags.get(row[0]) for row in some],
            "segment": ["score"] * len(some),
            "position": list(range(start, start + len(some))),
        }
