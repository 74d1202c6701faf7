"""The stream engine: decoded messages and times in, closed windows and alert events out. No clock, file or socket.

The same batches and times always lead to the same state, so a restart continues exactly from a snapshot.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from sensor_platform.kernel.clock import MINUTE, SECOND
from sensor_platform.kernel.durations import duration
from sensor_platform.reading.batch import Decoded
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import BAD, EMPTY, Readings, readings_of
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.dedupe import Dedupe
from sensor_platform.stream.equal_runs import highest_before, run_starts
from sensor_platform.stream.forgetting import Forgettable, series_of, shown
from sensor_platform.stream.rule_set import RuleSet
from sensor_platform.stream.rules import Maintenance, Rule
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex
from sensor_platform.stream.verdicts import EngineCatalog, Validator
from sensor_platform.stream.windows import ClosedWindows, Windows

CLOCK_TOLERANCE = 2 * SECOND
"""Clocks of processes may differ so much without being wrong, microseconds."""
_BEGINNING = -(1 << 60)
"""Earlier than every time, with room to subtract from."""


@dataclass(slots=True)
class TickResult:
    """Windows that closed and events that happened up to a time."""

    closed: list[ClosedWindows] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Engine:
    """Windows and alerts of one site. Not thread-safe."""

    config: EngineConfig
    catalog: EngineCatalog
    rules: Sequence[Rule] = ()
    maintenance: Sequence[Maintenance] = ()
    slot_minutes: int = 10
    index: SeriesIndex = field(init=False)
    validator: Validator = field(init=False)
    dedupe: Dedupe = field(init=False)
    windows: list[Windows] = field(init=False)
    rule_set: RuleSet = field(init=False)
    messages: int = 0
    readings: int = 0
    bad: int = 0
    now: int = 0
    """Newest time that it was given, microseconds."""
    ticked: int = 0
    """Time of the last tick, microseconds."""
    forgets: int = 0
    """Number of times that rules of what is forgotten were applied."""

    def __post_init__(self) -> None:
        config = self.config
        self.index = SeriesIndex(limit=config.most_series)
        slot, keep, idle = self.slot_minutes * MINUTE, duration(config.keep), duration(config.idle)
        self.validator = Validator(self.catalog, self.index, slot)
        longest = max((spec.size + duration(spec.grace) for spec in config.windows), default=0)
        self.dedupe = Dedupe(self.index, slot, longest + keep + idle)
        self.windows = [Windows(spec, self.index, slot, keep, idle, config.most_windows) for spec in config.windows]
        self.rule_set = RuleSet(self.rules, self.index, self.maintenance)

    def is_back(self, now: int) -> bool:
        """Whether the clock was set back since it was given a time, by more than clocks differ; microseconds."""
        return now < self.now - CLOCK_TOLERANCE

    def move_to(self, now: int) -> None:
        """Go on from a time, microseconds. After a clock that was ahead, what is remembered of later times is of now.

        Otherwise no window would close, no deadline come and no reading be the newest until that time is reached.
        """
        if self.is_back(now):
            self.now = self.ticked = now
            self.index.set_back(now)
            self.dedupe.set_back(now)
            self.validator.look_back.set_back(now)
            for windows in self.windows:
                windows.set_back(now)
            self.rule_set.set_back(now)
        self.now = max(self.now, now)

    def take(
        self,
        decoded: Decoded,
        received_at: Sequence[int],
        duplicates: set[int],
        suspects: set[int],
        now: int,
        retained: AbstractSet[int] = frozenset(),
    ) -> tuple[Readings, list[Event]]:
        """Take a decoded batch; returns its readings with verdicts, and the events that they cause.

        Args:
            decoded: the decoded messages.
            received_at: arrival time of each message, microseconds.
            duplicates: indexes of messages that the WAL has already.
            suspects: indexes of messages that may be duplicates.
            now: microseconds since the epoch.
            retained: indexes of messages that the broker had kept.
        """
        self.now = max(self.now, now)
        readings = readings_of(
            decoded, received_at, duplicates, suspects, self.index, self.messages, self.catalog.units, retained
        )
        self.messages += len(received_at)
        _bound_arrivals(readings, now + CLOCK_TOLERANCE)
        return self._take(readings, now)

    def inject(self, rows: Sequence[tuple[str, str, int, int, float]], now: int) -> list[Event]:
        """Take values that are not messages, for instance anomaly scores; returns the events that they cause.

        Args:
            rows: device, metric, event time, arrival time, value; times in microseconds.
            now: microseconds since the epoch.
        """
        self.now = max(self.now, now)
        if not rows:
            return []
        device = self.index.device_numbers([row[0] for row in rows])
        metric = np.array([self.index.metric_number(row[1]) for row in rows], np.int64)
        series = self.index.numbers(device, metric)
        count = len(rows)
        readings = Readings(
            series,
            np.arange(self.messages, self.messages + count),
            np.array([row[2] for row in rows], np.int64),
            np.array([row[3] for row in rows], np.int64),
            np.array([row[4] for row in rows], np.float64),
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint64),
            np.ones(count, np.bool_),
        ).pick(series >= 0)
        self.messages += count
        readings = readings.pick(np.lexsort((readings.message, readings.series)))
        if not len(readings):
            return []
        events = self.rule_set.observe(readings)
        self._note(readings)
        return events

    def forget(self, what: Forgettable) -> None:
        """Drop series, windows and alerts without an event; the same names begin again when they come again.

        Of a series whose newest reading stays, only the windows of the forgotten time are dropped.
        """
        self.forgets += 1
        named = series_of(what, self.index)
        gone = shown(what, self.index, named)
        for windows in self.windows:
            windows.forget(gone)
            windows.forget(named, what.span)
        self.rule_set.forget(gone)
        self.validator.look_back.forget(gone)
        left = {self.index.device(each) for each in np.setdiff1d(np.arange(len(self.index)), gone).tolist()}
        self.index.forget(gone, {self.index.device(each) for each in gone.tolist()} - left)

    def tick(self, now: int) -> TickResult:
        """Close windows and serve time-outs. Everything that arrived before `now` minus the settling time was taken."""
        self.now = self.ticked = max(self.now, now)
        closed = [found for windows in self.windows if len(found := windows.close(self.now))]
        return TickResult(closed, self.rule_set.tick(self.now - duration(self.config.settle)))

    def dump(self) -> dict[str, Any]:
        """The whole state for a snapshot, as plain values and bytes."""
        return {
            "index": self.index.dump(),
            "dedupe": self.dedupe.dump(),
            "look_back": self.validator.look_back.dump(),
            "windows": [[msgspec.json.encode(each.spec).decode(), each.dump()] for each in self.windows],
            "alarms": self.rule_set.dump(),
            "counts": [self.messages, self.readings, self.bad, self.now, self.ticked],
        }

    def load(self, dumped: dict[str, Any]) -> list[str]:
        """Take over a snapshot; returns names of windows and rules that have no state in it because they are new."""
        self.index.load(dumped["index"])
        self.dedupe.load(dumped["dedupe"])
        if "look_back" in dumped:  # snapshots before this version of the verdicts do not have it
            self.validator.look_back.load(dumped["look_back"])
        saved = dict(dumped["windows"])
        fresh = []
        for windows in self.windows:
            found = saved.get(msgspec.json.encode(windows.spec).decode())
            if found is None:
                fresh.append(f"window {windows.spec.name}")
            else:
                windows.load(found)
        fresh += [f"rule {name}" for name in self.rule_set.load(dumped["alarms"])]
        self.messages, self.readings, self.bad, self.now, self.ticked = dumped["counts"]
        self.rule_set.newest.bound(("at",), self.now)  # earlier versions kept times of clocks that were ahead
        return fresh

    def _take(self, readings: Readings, now: int) -> tuple[Readings, list[Event]]:
        readings = self.dedupe.fresh(self._without_repeats(readings), now) if len(readings) else EMPTY
        if not len(readings):
            return EMPTY, []
        readings = self.validator.validate(readings)
        self.readings += len(readings)
        self.bad += int((readings.verdict == BAD).sum())
        events = self.rule_set.observe(readings)
        before = self._watermark_before(readings)
        self._note(readings)
        order = np.lexsort((readings.value, readings.event_at, readings.series))
        in_time = readings.pick(order)
        for windows in self.windows:
            windows.add(in_time, None if before is None else before[order])
        return readings, events

    def _without_repeats(self, readings: Readings) -> Readings:
        """Leave out retained readings that are the newest of their series already: the broker sent them once more."""
        if readings.is_retained is None:
            return readings
        newest = self.index.by_series
        is_newest = readings.event_at == newest["event_at"][readings.series]
        is_same = is_newest & (readings.value == newest["value"][readings.series])
        return readings.pick(~(readings.is_retained & readings.is_device_time & is_same))

    def _watermark_before(self, readings: Readings) -> Ints | None:
        """Watermark of each reading's device before its arrival; None if no reading can be too late for any window."""
        device = self.index.by_series["device"][readings.series]
        at = np.minimum(readings.event_at, readings.received_at)
        start = np.maximum(self.index.by_device["watermark"][device], _BEGINNING)
        newest = start.copy()
        highest = np.full(len(self.index.devices), _BEGINNING)
        np.maximum.at(highest, device, at)
        newest = np.maximum(newest, highest[device])
        patience = min((windows.patience - windows.spec.size for windows in self.windows), default=0)
        if (newest - readings.event_at < patience).all():
            return None
        order = np.lexsort((readings.message, device))
        before = np.empty(len(device), np.int64)
        before[order] = highest_before(device[order], at[order], start[order])
        return before

    def _note(self, readings: Readings) -> None:
        """Update the newest reading of each series and the watermark of each device."""
        index = self.index
        series, by_series = readings.series, index.by_series
        first = run_starts(series)
        last = np.concatenate([first[1:], [len(series)]]) - 1
        keys = series[first]
        newest = np.maximum.reduceat(readings.event_at, first)
        is_newer = readings.event_at[last] >= by_series["event_at"][keys]
        shown = last[is_newer]
        for name, column in (("value", readings.value), ("verdict", readings.verdict)):
            by_series[name][series[shown]] = column[shown]
        by_series["event_at"][keys] = np.maximum(newest, by_series["event_at"][keys])
        arrived_last = np.maximum.reduceat(readings.received_at, first)
        by_series["received_at"][keys] = np.maximum(arrived_last, by_series["received_at"][keys])
        by_series["count"][keys] += last - first + 1
        by_series["bad"][keys] += np.add.reduceat(readings.verdict == BAD, first, dtype=np.int64)
        device = by_series["device"][series]
        np.maximum.at(index.by_device["watermark"], device, np.minimum(readings.event_at, readings.received_at))
        heard_at = readings.received_at
        if readings.is_retained is not None:
            heard_at = np.where(readings.is_retained, NEVER, heard_at)
        np.maximum.at(index.by_device["received_at"], device, heard_at)


def _bound_arrivals(readings: Readings, latest: int) -> None:
    """Nothing arrives later than now: a collector whose clock is ahead must not hide what arrives afterwards."""
    if len(readings) and int(readings.received_at.max()) > latest:
        readings.received_at = np.minimum(readings.received_at, latest)
        is_ahead = ~readings.is_device_time & (readings.event_at > latest)
        readings.event_at = np.where(is_ahead, latest, readings.event_at)
