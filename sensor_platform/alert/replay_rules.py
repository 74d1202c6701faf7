"""Rules over history: the rule set that runs live, fed with published readings in the order of their arrival.

The result does not depend on chunking: a message that a chunk cuts in two waits for its second half.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from sensor_platform.alert.config import AlertConfig
from sensor_platform.kernel.days import LATEST
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
"""Device, metric with its series prefix, end of the hour in microseconds, value."""


@dataclass(slots=True)
class RuleReplay:
    """A rule set at work on history. Feed it rows in ORDER, and call `settle` at the end."""

    config: AlertConfig
    engine: EngineConfig
    """Its bounds and settling time are those of the live process."""
    index: SeriesIndex = field(init=False)
    rule_set: RuleSet = field(init=False)
    seen: int = 0
    """Number of rows so far."""
    newest: int = 0
    """Newest arrival time, microseconds."""
    _held: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = SeriesIndex(limit=self.engine.most_series)
        self.rule_set = RuleSet(self.config.rules, self.index, self.config.maintenance)

    def take(self, columns: Columns) -> tuple[Readings, list[Event]]:
        """Take rows of READING_COLUMNS. The newest message waits, because more rows of it may follow."""
        rows = {name: [*self._held.get(name, ()), *values] for name, values in columns.items()}
        places = list(zip(rows["segment"], rows["position"], strict=True))
        whole = len(places)
        while whole and places[whole - 1] == places[-1]:
            whole -= 1
        self._held = {name: values[whole:] for name, values in rows.items()}
        return self._observe({name: values[:whole] for name, values in rows.items()}, places[:whole])

    def settle(self, until: int) -> tuple[Readings, list[Event]]:
        """Take the message that waits, and serve all time-outs up to `until`; everything before it has arrived."""
        rows, self._held = self._held, {}
        places = list(zip(rows.get("segment", ()), rows.get("position", ()), strict=True))
        readings, events = self._observe(rows, places)
        return readings, events + self.rule_set.tick(until - duration(self.engine.settle))

    def change(self, config: AlertConfig) -> None:
        """Use other rules from now on. As live, unchanged rules keep their state; new and changed ones have none."""
        rule_set = RuleSet(config.rules, self.index, config.maintenance)
        rule_set.load(self.rule_set.dump())
        self.config, self.rule_set = config, rule_set

    def dump(self) -> dict[str, Any]:
        """State for a snapshot. Call `settle` first."""
        return {"index": self.index.dump(), "alarms": self.rule_set.dump(), "counts": [self.seen, self.newest]}

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot of the same configuration."""
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
    """Convert published rows to the engine's columns.

    Args:
        rows: READING_COLUMNS.
        places: segment and position of each row; rows of one message share them, and get one message number.
        index: numbers devices and series; takes over new tags.
        base: added to the message numbers.
    """
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


def rules_of(config: AlertConfig, *, is_about_scores: bool) -> AlertConfig:
    """Only the rules about scores and forecasts, or only the others."""
    rules = tuple(rule for rule in config.rules if bool(rule.series_prefix) == is_about_scores)
    return msgspec.structs.replace(config, rules=rules)


def replay_scores(
    epochs: Sequence[tuple[int, AlertConfig]],
    engine: EngineConfig,
    scores: Sequence[Score],
    tags: Mapping[str, Mapping[str, str]],
    until: int,
) -> list[Event]:
    """Return the events of rules about scores. The arrival time of a score is the end of its hour, as live.

    Args:
        epochs: rules, each with the arrival time from which they are in force, oldest first.
        engine: of the live process.
        scores: in order of time.
        tags: tags by device, for rules that are restricted to some.
        until: time up to which time-outs are served.
    """
    if not epochs or not any(rules_of(config, is_about_scores=True).rules for _, config in epochs):
        return []
    replay = RuleReplay(rules_of(epochs[0][1], is_about_scores=True), engine)
    ends = [since for since, _ in epochs[1:]] + [LATEST]
    events: list[Event] = []
    first = 0
    for (_, config), end in zip(epochs, ends, strict=True):
        if config is not epochs[0][1]:
            replay.change(rules_of(config, is_about_scores=True))
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
