"""All rules of a site against every batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from sensor_platform.stream.alert_state import AlertState, Event
from sensor_platform.stream.columns import BAD, Bools, Readings
from sensor_platform.stream.equal_runs import highest_before, run_starts
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.observations import PreviousReadings
from sensor_platform.stream.rule_instance import RuleInstance
from sensor_platform.stream.rules import Maintenance, Rule
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex


@dataclass(slots=True)
class RuleSet:
    """The rules of a site and their alerts. Feed it batches in order of arrival, and call `tick` as time passes."""

    rules: Sequence[Rule]
    index: SeriesIndex
    maintenance: Sequence[Maintenance] = ()
    instances: list[RuleInstance] = field(init=False)
    _about: Bools = field(init=False)
    """By series and rule: whether the rule is about the series. Most batches concern few rules."""
    ignored: int = 0
    """Readings that were older than an earlier one of their series, since the start."""
    _known: int = 0
    _tags: dict[int, dict[str, str]] = field(default_factory=dict)
    """Tags by device number with which its series were matched."""
    newest: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"value": ("f8", np.nan), "at": ("i8", NEVER)})
    )
    """Newest usable value of each series, and its event time, which is not after its arrival."""

    def __post_init__(self) -> None:
        self.instances = [RuleInstance(rule, self.index, self._muted_until) for rule in self.rules]
        self._about = np.zeros((1024, len(self.instances)), np.bool_)

    def observe(self, readings: Readings) -> list[Event]:
        """Take a batch in, sorted by series and arrival. A reading that is older than an earlier one is ignored."""
        self.newest.grow(len(self.index))
        self._learn(len(self.index))
        events = self._follow_tags(readings)
        concerned = [self.instances[number] for number in np.flatnonzero(self._about[readings.series].any(axis=0))]
        events += [event for instance in concerned for event in instance.take_arrivals(readings)]
        usable = readings.pick(readings.verdict != BAD)
        if len(usable):
            usable = _in_order_of_time(usable)
            newest = highest_before(usable.series, usable.event_at, self.newest["at"][usable.series])
            is_in_order = usable.event_at >= newest
            self.ignored += int((~is_in_order).sum())
            usable = usable.pick(is_in_order)
        if len(usable):
            previous = self._previous(usable)
            for instance in concerned:
                events += instance.take_readings(usable, previous)
            last = np.concatenate([run_starts(usable.series)[1:], [len(usable)]]) - 1
            self.newest["value"][usable.series[last]] = usable.value[last]
            self.newest["at"][usable.series[last]] = usable.event_at[last]
        return self._completed(events)

    def tick(self, now: int) -> list[Event]:
        """Serve every deadline up to `now`, arrival time in microseconds, by which everything before it has arrived."""
        return self._completed([event for instance in self.instances for event in instance.tick(now)])

    def acknowledge(self, alert_id: str, by: str, now: int) -> list[Event]:
        """Acknowledge an active alert; no event if it is not active or acknowledged already."""
        found = [alert for alert in self.active() if alert.alert_id == alert_id]
        return [event for alert in found for event in alert.acknowledge(by, now)]

    def forget(self, series: Ints) -> None:
        """Drop alerts and newest values of series, while they still have their names. No event follows."""
        self.newest.grow(len(self.index))
        self._learn(len(self.index))
        self.newest.reset(series)
        self._about[series] = False
        for instance in self.instances:
            instance.forget(series)

    def active(self) -> list[AlertState]:
        """Alerts that are firing or acknowledged."""
        return [alert for instance in self.instances for alert in instance.alerts.values() if alert.level]

    def set_back(self, now: int) -> None:
        """The clock was set back to `now`, microseconds."""
        self.newest.bound(("at",), now)
        for instance in self.instances:
            instance.set_back(now)

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        return {"good": self.newest.dump(), "watches": [instance.dump() for instance in self.instances]}

    def load(self, dumped: dict[str, Any]) -> list[str]:
        """Take over a snapshot; returns the names of rules that are new or have changed, which start without state."""
        self.newest.load(dumped["good"])
        saved = {each["rule"]: each for each in dumped["watches"]}
        fresh = []
        for instance in self.instances:
            found = saved.get(instance.definition())
            if found is None:
                fresh.append(instance.rule.name)
            else:
                instance.load(found)
        return fresh

    def _learn(self, size: int) -> None:
        if size == self._known:
            return
        if len(self._about) < size:
            wider = np.zeros((max(size, 2 * len(self._about)), len(self.instances)), np.bool_)
            wider[: self._known] = self._about[: self._known]
            self._about = wider
        for number, instance in enumerate(self.instances):
            instance.learn(size)
            self._about[self._known : size, number] = instance.matches["is_match"][self._known : size]
        self._known = size

    def _follow_tags(self, readings: Readings) -> list[Event]:
        """Match the series of devices whose tags have changed again; returns the ends of what no longer matches."""
        followers = [number for number, instance in enumerate(self.instances) if instance.rule.tags]
        if not followers or not len(readings):
            return []
        events: list[Event] = []
        device = self.index.by_series["device"][readings.series]
        for number in np.unique(device).tolist():
            tags = self.index.tags.get(number, {})
            if self._tags.get(number) == tags:
                continue
            self._tags[number] = dict(tags)
            series = np.flatnonzero(self.index.by_series["device"][: self._known] == number)
            now = int(readings.received_at[device == number].max())
            for each in followers:
                events += self.instances[each].learn_again(number, series, now)
                self._about[series, each] = self.instances[each].matches["is_match"][series]
        return events

    def _previous(self, usable: Readings) -> PreviousReadings:
        value = np.concatenate([[np.nan], usable.value[:-1]])
        at = np.concatenate([[NEVER], usable.event_at[:-1]])
        first = run_starts(usable.series)
        value[first] = self.newest["value"][usable.series[first]]
        at[first] = self.newest["at"][usable.series[first]]
        return PreviousReadings(value, at)

    def _completed(self, events: list[Event]) -> list[Event]:
        """The events in order, with the rule's limits in words."""
        limits = {instance.rule.name: instance.rule.limit_text() for instance in self.instances}
        events.sort(key=lambda event: (event.noticed_at, event.rule, event.device_id, event.metric))
        return [msgspec.structs.replace(event, limit=limits[event.rule]) for event in events]

    def _muted_until(self, device_id: str, at: int) -> int:
        return max((each.muted_until(device_id, at) for each in self.maintenance), default=0)


def _in_order_of_time(usable: Readings) -> Readings:
    """The readings with no event time after their arrival: a clock that is ahead must not hide what comes later."""
    if (usable.event_at <= usable.received_at).all():
        return usable
    return replace(usable, event_at=np.minimum(usable.event_at, usable.received_at))
