"""One rule at work: the keys that it is about, and the alarm of each that is in one. Only those cost Python."""

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sensor_platform.kernel.durations import duration
from sensor_platform.stream.alert_state import FOREVER, AlertState, Event, Observation, Timing
from sensor_platform.stream.columns import Bools, Readings
from sensor_platform.stream.equal_runs import begins
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.no_data import Gap, Silence
from sensor_platform.stream.observations import Before, ConditionRule, CountRule, Kind, Seen, kind_of
from sensor_platform.stream.rules import OUTSIDE_OF, SCORE_OF, Anomaly, Condition, Forecast, NoData, Rule
from sensor_platform.stream.series import SeriesIndex

_DEVICE = ""
"""Metric of alarms that are about a device as a whole."""


@dataclass(slots=True)
class RuleInstance:
    """One rule at work. Feed it batches in order of arrival."""

    rule: Rule
    index: SeriesIndex
    timing: Timing
    kind: Kind | None
    """How readings are looked at; None where only silence counts."""
    silence: Silence | None
    is_about: Callable[[str], bool]
    """Whether the rule is about a metric,"""
    is_device: Callable[[str], object]
    """and about a device's name."""
    matches: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"is_match": ("?", False), "is_active": ("?", False)})
    )
    known: int = 0
    alerts: dict[int, AlertState] = field(default_factory=dict)
    """By series, or by device."""

    @property
    def is_about_devices(self) -> bool:
        """Whether its keys are devices."""
        return isinstance(self.rule, Condition) or (isinstance(self.rule, NoData) and not self.rule.metric)

    def is_match(self, series: int) -> bool:
        """Whether the rule is about a series."""
        if not self.is_about(self.index.metric(series)):
            return False
        tags = self.index.tags.get(int(self.index.by_series["device"][series]), {})
        return bool(self.is_device(self.index.device(series))) and self.rule.tags.items() <= tags.items()

    def learn(self, size: int) -> None:
        """Look at the series that are new, by metric first: a site has few of them."""
        self.matches.grow(size)
        metric = self.index.by_series["metric"][self.known : size]
        some = np.unique(metric)
        is_wanted = [self.is_about(self.index.metrics[number]) for number in some.tolist()]
        for series in (self.known + np.flatnonzero(np.isin(metric, some[is_wanted]))).tolist():
            self.matches["is_match"][series] = self.is_match(series)
        self.known = size

    def hear(self, readings: Readings) -> list[Event]:
        """Arrivals to a rule about silence."""
        if self.silence is None:
            return []
        some = readings.pick(self.matches["is_match"][readings.series])
        key = some.series
        if self.is_about_devices:
            device = self.index.by_series["device"][some.series]
            order = np.lexsort((some.message, device))
            some, key = some.pick(order), device[order]
            self.matches.grow(len(self.index.devices))
        gaps = self.silence.take(key, some.received_at, some.event_at)
        events: list[Event] = []
        for gap in gaps:
            events += self._fall_silent(gap)
        if not self.alerts or not len(key):
            return events
        first = begins(key)
        for row in first[self.matches["is_active"][key[first]]].tolist():
            ended = next(
                (gap.ended_at for gap in reversed(gaps) if gap.key == int(key[row])), int(some.received_at[row])
            )
            alarm = self.alerts[int(key[row])]
            back = Observation(int(some.event_at[row]), max(ended, alarm.received_at), 0.0, 0, 0)
            events += alarm.observe(back, self.timing)
            self._settle(int(key[row]), back.received_at)
        return events

    def see(self, usable: Readings, before: Before) -> list[Event]:
        """Readings that may be judged, sorted by series and arrival, with what came before each."""
        if self.kind is None:
            return []
        wanted: Bools = self.matches["is_match"][usable.series]
        if not wanted.any():
            return []
        if wanted.all():
            return self._walk(self.kind.see(usable, before))
        return self._walk(self.kind.see(usable.pick(wanted), Before(before.value[wanted], before.at[wanted])))

    def tick(self, now: int) -> list[Event]:
        """Serve every deadline up to `now`, arrival time."""
        events: list[Event] = []
        if self.silence:
            for gap in self.silence.overdue(now):
                events += self._fall_silent(gap)
        for key in list(self.alerts):
            alarm = self.alerts[key]
            if alarm.next_deadline(self.timing) <= now:
                events += alarm.until(now, self.timing)
            if isinstance(self.kind, CountRule):
                events += self._end_count(self.kind, key, now)
            self._settle(key, now)
        return events

    def _walk(self, seen: Seen) -> list[Event]:
        """Observations to state machines, but only where something is, or should be, in alarm."""
        if not len(seen.key):
            return []
        first = begins(seen.key)
        self.matches.grow(max(len(self.index), len(self.index.devices)))
        interesting = (np.maximum.reduceat(seen.raw, first) > 0) | self.matches["is_active"][seen.key[first]]
        ends = np.concatenate([first[1:], [len(seen.key)]])
        events: list[Event] = []
        for number in np.flatnonzero(interesting).tolist():
            begin, end = int(first[number]), int(ends[number])
            key = int(seen.key[begin])
            alarm = self.alerts.get(key) or self._alarm(key)
            low, high = int(seen.raw[begin:end].min()), int(seen.raw[begin:end].max())
            if alarm.level == low == high and alarm.clear_since is None and alarm.next_deadline(self.timing) == FOREVER:
                alarm.value, alarm.at = float(seen.value[end - 1]), int(seen.at[end - 1])
                alarm.received_at = int(seen.received_at[end - 1])
                continue
            for row in range(begin, end):
                events += alarm.observe(_observation(seen, row), self.timing)
            self._settle(key, alarm.received_at)
        return events

    def _fall_silent(self, gap: Gap) -> list[Event]:
        alarm = self.alerts.get(gap.key)
        if alarm is not None and alarm.level and not gap.ended_at:
            return []
        alarm = alarm or self._alarm(gap.key)
        level = 2 if self.rule.severity == "critical" else 1
        since = gap.event_at
        events = alarm.observe(Observation(since, gap.since + gap.limit, gap.limit / 1e6, level, level), self.timing)
        if gap.ended_at:
            events += alarm.observe(Observation(since, gap.ended_at, 0.0, 0, 0), self.timing)
        self._settle(gap.key, alarm.received_at)
        return events

    def _end_count(self, kind: CountRule, key: int, now: int) -> list[Event]:
        """A window that had too many is over although its device has gone silent."""
        alarm = self.alerts[key]
        deadline = alarm.received_at + 2 * kind.window
        if not alarm.level or alarm.clear_since is not None or deadline > now:
            return []
        return alarm.observe(Observation(alarm.at, deadline, alarm.value, 0, 0), self.timing)

    def _alarm(self, key: int) -> AlertState:
        if self.is_about_devices:
            alarm = AlertState(self.rule.name, self.index.devices[key], _DEVICE)
        else:
            metric = self.index.metric(key).removeprefix(SCORE_OF).removeprefix(OUTSIDE_OF)
            alarm = AlertState(self.rule.name, self.index.device(key), metric)
        self.alerts[key] = alarm
        self.matches["is_active"][key] = True
        return alarm

    def _settle(self, key: int, now: int) -> None:
        if self.alerts[key].is_forgettable(now, self.timing):
            del self.alerts[key]
            self.matches["is_active"][key] = False


def instance_of(rule: Rule, index: SeriesIndex) -> RuleInstance:
    """A rule that has seen nothing yet."""
    metric = "*" if isinstance(rule, Condition) else rule.metric or "*"
    prefix = {Anomaly: SCORE_OF, Forecast: OUTSIDE_OF}.get(type(rule), "")
    kind = kind_of(rule, index)
    names = kind.expression.metrics if isinstance(kind, ConditionRule) else None
    is_metric = re.compile(re.escape(prefix) + fnmatch.translate(metric)).fullmatch

    def is_about(name: str) -> bool:
        if name not in names if names is not None else not is_metric(name):
            return False
        return bool(prefix) or not name.startswith((SCORE_OF, OUTSIDE_OF))

    is_device = re.compile(fnmatch.translate(rule.devices)).fullmatch
    silence = Silence(rule) if isinstance(rule, NoData) else None
    return RuleInstance(rule, index, _timing_of(rule), kind, silence, is_about, is_device)


def _timing_of(rule: Rule) -> Timing:
    """A rule's times."""
    return Timing(
        wait=duration(rule.for_),
        clear=duration(rule.clear_for),
        renotify=duration(rule.renotify) if rule.renotify else 0,
        flap_most=rule.flap.most if rule.flap else 0,
        flap_within=duration(rule.flap.within) if rule.flap else 0,
    )


def _observation(seen: Seen, row: int) -> Observation:
    return Observation(
        int(seen.at[row]), int(seen.received_at[row]), float(seen.value[row]), int(seen.raw[row]), int(seen.hold[row])
    )
