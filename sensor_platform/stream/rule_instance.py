"""One rule at work: the keys that it is about, and the alert state of each key that is not at rest.

Readings are compared as columns; Python code per key runs only where an alert is active or should be.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from sensor_platform.stream.alert_state import FOREVER, AlertState, Event, Observation, Timing, never_muted
from sensor_platform.stream.columns import Bools, Readings
from sensor_platform.stream.equal_runs import run_starts
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.observations import Observations, PreviousReadings
from sensor_platform.stream.rule_kinds.rule import Rule, RuleObserver
from sensor_platform.stream.series import NOBODY, Ints, SeriesIndex

_DEVICE = ""
"""Metric of alerts that are about a device as a whole."""


@dataclass(slots=True)
class RuleInstance:
    """One rule at work. Feed it batches in order of arrival."""

    rule: Rule
    index: SeriesIndex
    muted_until: Callable[[str, int], int] = never_muted
    """End of the maintenance in which a device is at an arrival time; 0 if it is in none."""
    timing: Timing = field(init=False)
    observer: RuleObserver = field(init=False)
    matches: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"is_match": ("?", False), "is_active": ("?", False)})
    )
    """By series whether the rule is about it, and by key whether it is in `alerts`."""
    known: int = 0
    """Number of series that `matches` covers."""
    alerts: dict[int, AlertState] = field(default_factory=dict)
    """Alert states that are not at rest, by series or by device."""

    def __post_init__(self) -> None:
        self.timing = replace(self.rule.timing(), muted_until=self.muted_until)
        self.observer = self.rule.observer(self.index)

    def is_match(self, series: int) -> bool:
        """Whether the rule is about a series."""
        if self.index.is_gone(series) or not self.rule.is_about_metric(self.index.metric(series)):
            return False
        tags = self.index.tags.get(int(self.index.by_series["device"][series]), {})
        return self.rule.is_about_device(self.index.device(series), tags)

    def learn(self, size: int) -> None:
        """Match the series that are new, by metric first: a site has few metrics."""
        self.matches.grow(size)
        metric = self.index.by_series["metric"][self.known : size]
        some = np.unique(metric)
        is_wanted = [self.rule.is_about_metric(self.index.metrics[number]) for number in some.tolist()]
        for series in (self.known + np.flatnonzero(np.isin(metric, some[is_wanted]))).tolist():
            self.matches["is_match"][series] = self.is_match(series)
        self.known = size

    def learn_again(self, device: int, series: Ints, now: int) -> list[Event]:
        """The tags of a device have changed. Alerts of what the rule is not about any more end.

        Args:
            device: number of the device.
            series: its series that were learned.
            now: arrival time of the change, microseconds.
        """
        for one in series.tolist():
            self.matches["is_match"][one] = self.is_match(one)
        keys = series[~self.matches["is_match"][series]]
        if self.rule.is_about_devices:
            keys = np.array([] if self.matches["is_match"][series].any() else [device], np.int64)
        events: list[Event] = []
        for key in keys.tolist():
            if alert := self.alerts.get(key):
                events += alert.end(max(now, alert.received_at), self.timing)
                self._settle(key, now)
        self.observer.forget(keys)
        return events

    def forget(self, series: Ints) -> None:
        """Drop the alerts of series, and of their devices of which the rule observes nothing else. No event follows.

        Called while they still have their names.
        """
        self.matches.grow(max(len(self.index), len(self.index.devices)))
        self.matches["is_match"][series] = False
        keys = series
        if self.rule.is_about_devices:
            devices = self.index.by_series["device"][: self.known]
            keys = np.setdiff1d(self.index.by_series["device"][series], devices[self.matches["is_match"][: self.known]])
        for key in keys.tolist():
            self.alerts.pop(key, None)
        self.matches["is_active"][keys] = False
        self.observer.forget(keys)

    def take_arrivals(self, readings: Readings) -> list[Event]:
        """Take every reading of a batch, also bad and late ones, for a rule about arrivals."""
        if not self.observer.is_about_arrivals:
            return []
        if readings.is_retained is not None:
            readings = readings.pick(~readings.is_retained)
        some = readings.pick(self.matches["is_match"][readings.series])
        if not len(some):
            return []
        key = some.series
        if self.rule.is_about_devices:
            device = self.index.by_series["device"][some.series]
            order = np.lexsort((some.message, device))
            some, key = some.pick(order), device[order]
            self.matches.grow(len(self.index.devices))
        return self._feed(self.observer.arrivals(key, some.received_at, some.event_at, self.alerts))

    def take_readings(self, usable: Readings, previous: PreviousReadings) -> list[Event]:
        """Take the usable readings of a batch, sorted by series and arrival, with the reading before each."""
        if self.observer.is_about_arrivals:
            return []
        wanted: Bools = self.matches["is_match"][usable.series]
        if not wanted.any():
            return []
        if not wanted.all():
            usable, previous = usable.pick(wanted), PreviousReadings(previous.value[wanted], previous.at[wanted])
        return self._walk(self.observer.observe(usable, previous))

    def tick(self, now: int) -> list[Event]:
        """Serve every deadline up to `now`, arrival time in microseconds."""
        events = self._feed(self.observer.due(now, self.alerts))
        for key in list(self.alerts):
            alert = self.alerts[key]
            if alert.next_deadline(self.timing) <= now:
                events += alert.until(now, self.timing)
            self._settle(key, now)
        return events

    def set_back(self, now: int) -> None:
        """The clock was set back to `now`, microseconds."""
        self.observer.set_back(now)
        for alert in self.alerts.values():
            alert.set_back(now)

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        alerts = [[key, alert.dump()] for key, alert in self.alerts.items()]
        return {"rule": self.definition(), "alarms": alerts, **self.observer.dump()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over a snapshot of the same definition."""
        self.matches.grow(max([0, *(key + 1 for key, _ in saved["alarms"])]))
        for key, state in saved["alarms"]:
            self.alerts[key] = alert = AlertState.loaded(state)
            if "told_level" not in state:
                alert.note_what_was_told(self.timing)
            self.matches["is_active"][key] = True
        self.observer.load(saved)

    def definition(self) -> str:
        """By which a rule is found again in a snapshot: everything that is configured."""
        return msgspec.json.encode(self.rule).decode()

    def _feed(self, observations: Iterable[tuple[int, Observation]]) -> list[Event]:
        """Single observations to their alert states."""
        events: list[Event] = []
        for key, observation in observations:
            if self._is_gone(key):
                continue
            alert = self.alerts.get(key) or self._new_alert(key)
            events += alert.observe(observation, self.timing)
            self._settle(key, alert.received_at)
        return events

    def _is_gone(self, key: int) -> bool:
        return self.index.devices[key] == NOBODY if self.rule.is_about_devices else self.index.is_gone(key)

    def _walk(self, seen: Observations) -> list[Event]:
        """Columns of observations to alert states, but only of keys that are active or should be."""
        if not len(seen.key):
            return []
        first = run_starts(seen.key)
        self.matches.grow(max(len(self.index), len(self.index.devices)))
        interesting = (np.maximum.reduceat(seen.raw, first) > 0) | self.matches["is_active"][seen.key[first]]
        ends = np.concatenate([first[1:], [len(seen.key)]])
        events: list[Event] = []
        for number in np.flatnonzero(interesting).tolist():
            begin, end = int(first[number]), int(ends[number])
            key = int(seen.key[begin])
            alert = self.alerts.get(key) or self._new_alert(key)
            low, high = int(seen.raw[begin:end].min()), int(seen.raw[begin:end].max())
            if alert.level == low == high and alert.clear_since is None and alert.next_deadline(self.timing) == FOREVER:
                alert.value, alert.at = float(seen.value[end - 1]), int(seen.at[end - 1])
                alert.received_at = int(seen.received_at[end - 1])
                continue
            for row in range(begin, end):
                events += alert.observe(_observation(seen, row), self.timing)
            self._settle(key, alert.received_at)
        return events

    def _new_alert(self, key: int) -> AlertState:
        if self.rule.is_about_devices:
            alert = AlertState(self.rule.name, self.index.devices[key], _DEVICE)
        else:
            metric = self.index.metric(key).removeprefix(self.rule.series_prefix)
            alert = AlertState(self.rule.name, self.index.device(key), metric)
        self.alerts[key] = alert
        self.matches["is_active"][key] = True
        return alert

    def _settle(self, key: int, now: int) -> None:
        if self.alerts[key].is_forgettable(now, self.timing):
            del self.alerts[key]
            self.matches["is_active"][key] = False


def _observation(seen: Observations, row: int) -> Observation:
    return Observation(
        int(seen.at[row]), int(seen.received_at[row]), float(seen.value[row]), int(seen.raw[row]), int(seen.hold[row])
    )
