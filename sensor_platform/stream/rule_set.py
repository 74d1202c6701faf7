"""All alarms of a site: every rule against every batch. Only keys that are in alarm, or should be, cost Python."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from sensor_platform.stream import rule_instance_state
from sensor_platform.stream.alert_state import AlertState, Event
from sensor_platform.stream.columns import BAD, Bools, Readings
from sensor_platform.stream.equal_runs import begins, highest_before
from sensor_platform.stream.event_text import covers, limit_text
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.observations import Before
from sensor_platform.stream.rule_instance import RuleInstance, instance_of
from sensor_platform.stream.rules import Maintenance, Rule
from sensor_platform.stream.series import NEVER, SeriesIndex


@dataclass(slots=True)
class RuleSet:
    """The alarms of a site. Feed it batches in order of arrival, and the time now and then."""

    rules: Sequence[Rule]
    index: SeriesIndex
    maintenance: Sequence[Maintenance] = ()
    instances: list[RuleInstance] = field(init=False)
    _about: Bools = field(init=False)
    """By series: which instances are about it. Most batches are no matter for most rules."""
    _known: int = 0
    good: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"value": ("f8", np.nan), "at": ("i8", NEVER)})
    )
    """Newest usable value of each series, and its event time."""

    def __post_init__(self) -> None:
        self.instances = [instance_of(rule, self.index) for rule in self.rules]
        self._about = np.zeros((1024, len(self.instances)), np.bool_)

    def observe(self, readings: Readings) -> list[Event]:
        """Take a batch in, sorted by series and arrival. A reading that is older than one before it changes nothing."""
        self.good.grow(len(self.index))
        self._learn(len(self.index))
        asked = [self.instances[number] for number in np.flatnonzero(self._about[readings.series].any(axis=0))]
        events = [event for instance in asked for event in instance.hear(readings)]
        usable = readings.pick(readings.verdict != BAD)
        if len(usable):
            newest = highest_before(usable.series, usable.event_at, self.good["at"][usable.series])
            usable = usable.pick(usable.event_at >= newest)
        if len(usable):
            before = self._before(usable)
            for instance in asked:
                events += instance.see(usable, before)
            last = np.concatenate([begins(usable.series)[1:], [len(usable)]]) - 1
            self.good["value"][usable.series[last]] = usable.value[last]
            self.good["at"][usable.series[last]] = usable.event_at[last]
        return self._ordered(events)

    def tick(self, now: int) -> list[Event]:
        """Serve every deadline up to `now`, arrival time; nothing that arrived before it may still be on its way."""
        return self._ordered([event for instance in self.instances for event in instance.tick(now)])

    def acknowledge(self, alert_id: str, by: str, now: int) -> list[Event]:
        """Somebody has seen an alarm; nothing happens where it is over."""
        found = [alarm for alarm in self.active() if alarm.alert_id == alert_id]
        return [event for alarm in found for event in alarm.acknowledge(by, now)]

    def active(self) -> Iterable[AlertState]:
        """Alerts that are firing or acknowledged."""
        return [alarm for instance in self.instances for alarm in instance.alerts.values() if alarm.level]

    def dump(self) -> dict[str, Any]:
        """State for a snapshot. Rules are found again by their name and definition."""
        return {
            "good": self.good.dump(),
            "watches": [rule_instance_state.dumped(instance) for instance in self.instances],
        }

    def load(self, dumped: dict[str, Any]) -> list[str]:
        """Take over a snapshot; returns the names of rules that are new or have changed, which start afresh."""
        self.good.load(dumped["good"])
        saved = {each["rule"]: each for each in dumped["watches"]}
        fresh = []
        for instance in self.instances:
            found = saved.get(rule_instance_state.definition(instance.rule))
            if found is None:
                fresh.append(instance.rule.name)
            else:
                rule_instance_state.load(instance, found)
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

    def _before(self, usable: Readings) -> Before:
        value = np.concatenate([[np.nan], usable.value[:-1]])
        at = np.concatenate([[NEVER], usable.event_at[:-1]])
        first = begins(usable.series)
        value[first] = self.good["value"][usable.series[first]]
        at[first] = self.good["at"][usable.series[first]]
        return Before(value, at)

    def _ordered(self, events: list[Event]) -> list[Event]:
        rules = {instance.rule.name: instance.rule for instance in self.instances}
        events.sort(key=lambda event: (event.noticed_at, event.rule, event.device_id, event.metric))
        return [self._dressed(event, rules[event.rule]) for event in events]

    def _dressed(self, event: Event, rule: Rule) -> Event:
        """With the limit in words, and whether anybody is to be told."""
        suppressed = event.suppressed or ("maintenance" if self._is_maintained(event) else "")
        return msgspec.structs.replace(event, limit=limit_text(rule), suppressed=suppressed)

    def _is_maintained(self, event: Event) -> bool:
        return any(covers(each, event) for each in self.maintenance)
