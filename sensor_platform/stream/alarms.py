"""All alarms of a site: every rule against every batch. Only keys that are in alarm, or should be, cost Python."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from sensor_platform.reading.times import micros
from sensor_platform.stream.alarm import FOREVER, Alarm, Event, Observation, Timing
from sensor_platform.stream.columns import BAD, Bools, Readings
from sensor_platform.stream.durations import duration, said
from sensor_platform.stream.growing import Growing
from sensor_platform.stream.observe import Before, ConditionRule, CountRule, Kind, Seen, StuckRule, kind_of
from sensor_platform.stream.rules import (
    OUTSIDE_OF,
    SCORE_OF,
    Anomaly,
    Condition,
    Forecast,
    Maintenance,
    NoData,
    Rule,
)
from sensor_platform.stream.runs import begins, highest_before
from sensor_platform.stream.series import NEVER, SeriesIndex
from sensor_platform.stream.silence import Gap, Silence

_DEVICE = ""
"""Metric of alarms that are about a device as a whole."""


def timing_of(rule: Rule) -> Timing:
    """A rule's times."""
    return Timing(
        wait=duration(rule.for_),
        clear=duration(rule.clear_for),
        renotify=duration(rule.renotify) if rule.renotify else 0,
        flap_most=rule.flap.most if rule.flap else 0,
        flap_within=duration(rule.flap.within) if rule.flap else 0,
    )


@dataclass(slots=True)
class _Watch:
    """One rule at work."""

    rule: Rule
    timing: Timing
    kind: Kind | None
    silence: Silence | None
    is_about: Callable[[str], bool]
    """Whether the rule is about a metric,"""
    is_match: Callable[[int], bool]
    """and about a series."""
    matches: Growing = field(default_factory=lambda: Growing({"is_match": ("?", False), "is_active": ("?", False)}))
    known: int = 0
    alarms: dict[int, Alarm] = field(default_factory=dict)
    """By series, or by device."""

    @property
    def is_about_devices(self) -> bool:
        """Whether its keys are devices."""
        return isinstance(self.rule, Condition) or (isinstance(self.rule, NoData) and not self.rule.metric)

    def learn(self, index: SeriesIndex, size: int) -> None:
        """Look at the series that are new, by metric first: a site has few of them."""
        self.matches.grow(size)
        metric = index.by_series["metric"][self.known : size]
        some = np.unique(metric)
        is_wanted = [self.is_about(index.metrics[number]) for number in some.tolist()]
        for series in (self.known + np.flatnonzero(np.isin(metric, some[is_wanted]))).tolist():
            self.matches["is_match"][series] = self.is_match(series)
        self.known = size


@dataclass(slots=True)
class Alarms:
    """The alarms of a site. Feed it batches in order of arrival, and the time now and then."""

    rules: Sequence[Rule]
    index: SeriesIndex
    maintenance: Sequence[Maintenance] = ()
    watches: list[_Watch] = field(init=False)
    _about: Bools = field(init=False)
    """By series: which watches are about it. Most batches are no matter for most rules."""
    _known: int = 0
    good: Growing = field(default_factory=lambda: Growing({"value": ("f8", np.nan), "at": ("i8", NEVER)}))
    """Newest usable value of each series, and its event time."""

    def __post_init__(self) -> None:
        self.watches = [self._watch(rule) for rule in self.rules]
        self._about = np.zeros((1024, len(self.watches)), np.bool_)

    def observe(self, readings: Readings) -> list[Event]:
        """Take a batch in, sorted by series and arrival. A reading that is older than one before it changes nothing."""
        self.good.grow(len(self.index))
        self._learn(len(self.index))
        asked = [self.watches[number] for number in np.flatnonzero(self._about[readings.series].any(axis=0))]
        events = [event for watch in asked if watch.silence for event in self._hear(watch, readings)]
        usable = readings.pick(readings.verdict != BAD)
        if len(usable):
            newest = highest_before(usable.series, usable.event_at, self.good["at"][usable.series])
            usable = usable.pick(usable.event_at >= newest)
        if len(usable):
            before = self._before(usable)
            for watch in asked:
                if watch.kind is not None:
                    events += self._see(watch, usable, before)
            last = np.concatenate([begins(usable.series)[1:], [len(usable)]]) - 1
            self.good["value"][usable.series[last]] = usable.value[last]
            self.good["at"][usable.series[last]] = usable.event_at[last]
        return self._ordered(events)

    def tick(self, now: int) -> list[Event]:
        """Serve every deadline up to `now`, arrival time; nothing that arrived before it may still be on its way."""
        events: list[Event] = []
        for watch in self.watches:
            if watch.silence:
                for gap in watch.silence.overdue(now):
                    events += self._fall_silent(watch, gap)
            for key in list(watch.alarms):
                alarm = watch.alarms[key]
                if alarm.next_deadline(watch.timing) <= now:
                    events += alarm.until(now, watch.timing)
                if isinstance(watch.kind, CountRule):
                    events += self._end_count(watch, key, now)
                self._settle(watch, key, now)
        return self._ordered(events)

    def acknowledge(self, alert_id: str, by: str, now: int) -> list[Event]:
        """Somebody has seen an alarm; nothing happens where it is over."""
        found = [alarm for alarm in self.active() if alarm.alert_id == alert_id]
        return [event for alarm in found for event in alarm.acknowledge(by, now)]

    def active(self) -> Iterable[Alarm]:
        """Alarms that are firing or acknowledged."""
        return [alarm for watch in self.watches for alarm in watch.alarms.values() if alarm.level]

    def dump(self) -> dict[str, Any]:
        """State for a snapshot. Rules are found again by their name and definition."""
        return {"good": self.good.dump(), "watches": [_dump_watch(watch) for watch in self.watches]}

    def load(self, dumped: dict[str, Any]) -> list[str]:
        """Take over a snapshot; returns the names of rules that are new or have changed, which start afresh."""
        self.good.load(dumped["good"])
        saved = {each["rule"]: each for each in dumped["watches"]}
        fresh = []
        for watch in self.watches:
            found = saved.get(_definition(watch.rule))
            if found is None:
                fresh.append(watch.rule.name)
            else:
                _load_watch(watch, found)
        return fresh

    def _learn(self, size: int) -> None:
        if size == self._known:
            return
        if len(self._about) < size:
            wider = np.zeros((max(size, 2 * len(self._about)), len(self.watches)), np.bool_)
            wider[: self._known] = self._about[: self._known]
            self._about = wider
        for number, watch in enumerate(self.watches):
            watch.learn(self.index, size)
            self._about[self._known : size, number] = watch.matches["is_match"][self._known : size]
        self._known = size

    def _watch(self, rule: Rule) -> _Watch:
        metric = "*" if isinstance(rule, Condition) else rule.metric or "*"
        prefix = {Anomaly: SCORE_OF, Forecast: OUTSIDE_OF}.get(type(rule), "")
        kind = kind_of(rule, self.index)
        names = kind.expression.metrics if isinstance(kind, ConditionRule) else None
        is_metric = re.compile(re.escape(prefix) + fnmatch.translate(metric)).fullmatch
        is_device = re.compile(fnmatch.translate(rule.devices)).fullmatch

        def is_about(name: str) -> bool:
            if name not in names if names is not None else not is_metric(name):
                return False
            return bool(prefix) or not name.startswith((SCORE_OF, OUTSIDE_OF))

        def is_match(series: int) -> bool:
            if not is_about(self.index.metric(series)):
                return False
            tags = self.index.tags.get(int(self.index.by_series["device"][series]), {})
            return bool(is_device(self.index.device(series))) and rule.tags.items() <= tags.items()

        silence = Silence(rule) if isinstance(rule, NoData) else None
        return _Watch(rule, timing_of(rule), kind, silence, is_about, is_match)

    def _before(self, usable: Readings) -> Before:
        value = np.concatenate([[np.nan], usable.value[:-1]])
        at = np.concatenate([[NEVER], usable.event_at[:-1]])
        first = begins(usable.series)
        value[first] = self.good["value"][usable.series[first]]
        at[first] = self.good["at"][usable.series[first]]
        return Before(value, at)

    def _see(self, watch: _Watch, usable: Readings, before: Before) -> list[Event]:
        wanted: Bools = watch.matches["is_match"][usable.series]
        if not wanted.any():
            return []
        assert watch.kind is not None
        if wanted.all():
            seen = watch.kind.see(usable, before)
        else:
            seen = watch.kind.see(usable.pick(wanted), Before(before.value[wanted], before.at[wanted]))
        return self._walk(watch, seen)

    def _walk(self, watch: _Watch, seen: Seen) -> list[Event]:
        """Observations to state machines, but only where something is, or should be, in alarm."""
        if not len(seen.key):
            return []
        first = begins(seen.key)
        watch.matches.grow(max(len(self.index), len(self.index.devices)))
        interesting = (np.maximum.reduceat(seen.raw, first) > 0) | watch.matches["is_active"][seen.key[first]]
        ends = np.concatenate([first[1:], [len(seen.key)]])
        events: list[Event] = []
        for number in np.flatnonzero(interesting).tolist():
            begin, end = int(first[number]), int(ends[number])
            key = int(seen.key[begin])
            alarm = watch.alarms.get(key) or self._alarm(watch, key)
            low, high = int(seen.raw[begin:end].min()), int(seen.raw[begin:end].max())
            if (
                alarm.level == low == high
                and alarm.clear_since is None
                and alarm.next_deadline(watch.timing) == FOREVER
            ):
                alarm.value, alarm.at = float(seen.value[end - 1]), int(seen.at[end - 1])
                alarm.received_at = int(seen.received_at[end - 1])
                continue
            for row in range(begin, end):
                events += alarm.observe(_observation(seen, row), watch.timing)
            self._settle(watch, key, alarm.received_at)
        return events

    def _hear(self, watch: _Watch, readings: Readings) -> list[Event]:
        """Arrivals to a rule about silence."""
        assert watch.silence is not None
        some = readings.pick(watch.matches["is_match"][readings.series])
        key = some.series
        if watch.is_about_devices:
            device = self.index.by_series["device"][some.series]
            order = np.lexsort((some.message, device))
            some, key = some.pick(order), device[order]
            watch.matches.grow(len(self.index.devices))
        gaps = watch.silence.take(key, some.received_at, some.event_at)
        events: list[Event] = []
        for gap in gaps:
            events += self._fall_silent(watch, gap)
        if not watch.alarms or not len(key):
            return events
        first = begins(key)
        for row in first[watch.matches["is_active"][key[first]]].tolist():
            ended = next(
                (gap.ended_at for gap in reversed(gaps) if gap.key == int(key[row])), int(some.received_at[row])
            )
            alarm = watch.alarms[int(key[row])]
            back = Observation(int(some.event_at[row]), max(ended, alarm.received_at), 0.0, 0, 0)
            events += alarm.observe(back, watch.timing)
            self._settle(watch, int(key[row]), back.received_at)
        return events

    def _fall_silent(self, watch: _Watch, gap: Gap) -> list[Event]:
        alarm = watch.alarms.get(gap.key)
        if alarm is not None and alarm.level and not gap.ended_at:
            return []
        alarm = alarm or self._alarm(watch, gap.key)
        level = 2 if watch.rule.severity == "critical" else 1
        since = gap.event_at
        events = alarm.observe(Observation(since, gap.since + gap.limit, gap.limit / 1e6, level, level), watch.timing)
        if gap.ended_at:
            events += alarm.observe(Observation(since, gap.ended_at, 0.0, 0, 0), watch.timing)
        self._settle(watch, gap.key, alarm.received_at)
        return events

    def _end_count(self, watch: _Watch, key: int, now: int) -> list[Event]:
        """A window that had too many is over although its device has gone silent."""
        alarm = watch.alarms[key]
        assert isinstance(watch.kind, CountRule)
        deadline = alarm.received_at + 2 * watch.kind.window
        if not alarm.level or alarm.clear_since is not None or deadline > now:
            return []
        return alarm.observe(Observation(alarm.at, deadline, alarm.value, 0, 0), watch.timing)

    def _alarm(self, watch: _Watch, key: int) -> Alarm:
        if watch.is_about_devices:
            alarm = Alarm(watch.rule.name, self.index.devices[key], _DEVICE)
        else:
            metric = self.index.metric(key).removeprefix(SCORE_OF).removeprefix(OUTSIDE_OF)
            alarm = Alarm(watch.rule.name, self.index.device(key), metric)
        watch.alarms[key] = alarm
        watch.matches["is_active"][key] = True
        return alarm

    def _settle(self, watch: _Watch, key: int, now: int) -> None:
        if watch.alarms[key].is_forgettable(now, watch.timing):
            del watch.alarms[key]
            watch.matches["is_active"][key] = False

    def _ordered(self, events: list[Event]) -> list[Event]:
        rules = {watch.rule.name: watch.rule for watch in self.watches}
        events.sort(key=lambda event: (event.noticed_at, event.rule, event.device_id, event.metric))
        return [self._dressed(event, rules[event.rule]) for event in events]

    def _dressed(self, event: Event, rule: Rule) -> Event:
        """With the limit in words, and whether anybody is to be told."""
        suppressed = event.suppressed or ("maintenance" if self._is_maintained(event) else "")
        return msgspec.structs.replace(event, limit=limit_text(rule), suppressed=suppressed)

    def _is_maintained(self, event: Event) -> bool:
        return any(_covers(each, event) for each in self.maintenance)


def limit_text(rule: Rule) -> str:
    """What a rule asks for, in a few words."""
    words = []
    for name in ("above", "below", "outside"):
        limits = getattr(rule, name, None)
        if limits is not None:
            given = "/".join(str(value) for value in limits.values()) if isinstance(limits, dict) else str(limits)
            words.append(f"{name} {given}")
    more: dict[str, Callable[[Any], str]] = {
        "more_than": lambda value: f"more than {value} times in {getattr(rule, 'window', '')}",
        "unchanged_for": lambda value: f"unchanged for {value}",
        "when": str,
        "after": lambda value: f"nothing for {value or 'longer than usual'}",
        "per": lambda value: f"per {said(duration(value))}",
    }
    words += [say(getattr(rule, name)) for name, say in more.items() if hasattr(rule, name)]
    return " ".join(words)


def _observation(seen: Seen, row: int) -> Observation:
    return Observation(
        int(seen.at[row]), int(seen.received_at[row]), float(seen.value[row]), int(seen.raw[row]), int(seen.hold[row])
    )


def _covers(maintenance: Maintenance, event: Event) -> bool:
    if not fnmatch.fnmatchcase(event.device_id, maintenance.devices):
        return False
    start, end = (_utc(text) for text in (maintenance.start, maintenance.end))
    at = event.noticed_at
    if maintenance.every and at >= start:
        at = start + (at - start) % duration(maintenance.every)
    return start <= at < end


def _utc(text: str) -> int:
    parsed = datetime.fromisoformat(text)
    return micros(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def _definition(rule: Rule) -> str:
    return msgspec.json.encode(rule).decode()


def _dump_watch(watch: _Watch) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if isinstance(watch.kind, CountRule):
        counts = [[series, list(windows.items())] for series, windows in watch.kind.counts.items()]
        extra = {"counts": counts, "until": watch.kind.until.dump()}
    elif isinstance(watch.kind, StuckRule):
        extra = {"since": watch.kind.since.dump()}
    elif isinstance(watch.kind, ConditionRule):
        extra = {"last": {name: last.dump() for name, last in watch.kind.last.items()}}
    elif watch.silence is not None:
        extra = {"silence": watch.silence.dump()}
    alarms = [[key, asdict(alarm) | {"since": list(alarm.since.items())}] for key, alarm in watch.alarms.items()]
    return {"rule": _definition(watch.rule), "alarms": alarms, **extra}


def _load_watch(watch: _Watch, saved: dict[str, Any]) -> None:
    watch.matches.grow(max([0, *(key + 1 for key, _ in saved["alarms"])]))
    for key, state in saved["alarms"]:
        since = {level: (at, received) for level, (at, received) in state.pop("since")}
        clear = state.pop("clear_since")
        watch.alarms[key] = Alarm(**state, since=since, clear_since=tuple(clear) if clear else None)
        watch.matches["is_active"][key] = True
    if isinstance(watch.kind, CountRule):
        watch.kind.counts = {series: dict(windows) for series, windows in saved["counts"]}
        watch.kind.until.load(saved["until"])
    elif isinstance(watch.kind, StuckRule):
        watch.kind.since.load(saved["since"])
    elif isinstance(watch.kind, ConditionRule):
        for name, last in saved["last"].items():
            watch.kind.last[name].load(last)
    elif watch.silence is not None:
        watch.silence.load(saved["silence"])
