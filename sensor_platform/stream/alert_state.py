"""The state machine of one alert: ok, pending, firing, acknowledged, resolved. Pure, driven by observations and time.

Time-outs are deadlines in arrival time. They are served before every observation that arrived at or after them, so the
result does not depend on how a stream was cut into batches, nor on when time-outs are looked for.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import msgspec

EventKind = Literal["fired", "escalated", "eased", "resolved", "acknowledged", "reminder", "unmuted"]
FOREVER = 1 << 62
_MOST_MUTES = 100
"""Maintenance that follows on itself so often has no end."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an alert, or a reminder of it."""

    alert_id: str
    kind: EventKind
    rule: str
    device_id: str
    metric: str
    level: int
    """1 warning, 2 critical; for `resolved` the highest level of the alert."""
    at: int
    """Event time, microseconds since the epoch, UTC."""
    noticed_at: int
    """Arrival time of its cause, microseconds."""
    value: float | None = None
    limit: str = ""
    suppressed: str = ""
    """Why it is not notified: `flapping`, `maintenance`, `untold` where nobody knows of the alert so far, or
    `late` for a reminder that a later event of the alert overtook; empty if it is."""
    by: str = ""
    """Operator who acknowledged; empty for other kinds."""
    ordinal: int = 0
    """Number of the event among those of the alert with the same arrival time, from 1."""
    tells: Literal["", "fired", "escalated", "eased"] = ""
    """For `unmuted`: the event that was not notified when it happened."""

    @property
    def key(self) -> str:
        """Idempotency key: the same in every run that has the event."""
        return f"{self.alert_id}-{self.kind}-{self.noticed_at}-{self.ordinal}"


def never_muted(device_id: str, at: int) -> int:
    """The end of the maintenance of a device at a time, where there is none."""
    del device_id, at
    return 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a rule in microseconds; 0 for none."""

    wait: int = 0
    """`for` of the rule."""
    clear: int = 0
    renotify: int = 0
    flap_most: int = 0
    """Firings within `flap_within` that are still notified."""
    flap_within: int = 0
    muted_until: Callable[[str, int], int] = never_muted
    """End of the maintenance in which a device is at an arrival time; 0 if it is in none."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a rule observes at one time."""

    at: int
    """Event time, microseconds."""
    received_at: int
    value: float
    raw: int
    """Level that the value calls for; 0 for none."""
    hold: int
    """Level that the value is enough to keep."""


@dataclass(slots=True)
class AlertState:
    """The alert of one rule and one series or device. Snapshots have the names of its fields."""

    rule: str
    device_id: str
    metric: str
    level: int = 0
    highest: int = 0
    alert_id: str = ""
    fired_at: int = 0
    value: float = 0.0
    at: int = 0
    received_at: int = 0
    acknowledged_by: str = ""
    notified_at: int = 0
    since: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Level to the (event, arrival) time since which the condition holds without a break."""
    clear_since: tuple[int, int] | None = None
    """The (event, arrival) time since which the condition of the level is gone."""
    clear_to: int = 0
    """Level to which it falls."""
    spoke_at: int = 0
    """Arrival time of its newest event."""
    spoken: int = 0
    """Number of its events with that arrival time."""
    fires: list[int] = field(default_factory=list)
    """Arrival times of recent firings, for the suppression of flapping."""
    told_level: int = 0
    """Level that people were told of this alert; 0 while they know nothing of it."""
    loudest: int = 0
    """Highest level that people know since firings are counted: a higher one is notified although it flaps."""

    @property
    def state(self) -> str:
        """`ok`, `pending`, `firing` or `acknowledged`."""
        if self.level:
            return "acknowledged" if self.acknowledged_by else "firing"
        return "pending" if self.since else "ok"

    def is_forgettable(self, now: int, timing: Timing) -> bool:
        """Whether it is at rest, so that nothing of it needs to be remembered."""
        self.fires = [at for at in self.fires if at > now - timing.flap_within] if timing.flap_most else []
        if not self.fires and not self.level:
            self.loudest = 0
        return not (self.level or self.since or self.fires) and now > self.spoke_at

    def next_deadline(self, timing: Timing) -> int:
        """Arrival time of its next time-out, microseconds; FOREVER for none."""
        ends = [since[1] + timing.wait for level, since in self.since.items() if level > self.level]
        if self.clear_since is not None:
            ends.append(self.clear_since[1] + timing.clear)
        if self.level and timing.renotify and not self.acknowledged_by:
            ends.append(self.notified_at + timing.renotify)
        if self.level != self.told_level and self.level:
            ends.append(self._unmuted_at(timing))
        return min(ends, default=FOREVER)

    def until(self, now: int, timing: Timing) -> list[Event]:
        """Serve the time-outs up to `now`, in order."""
        events: list[Event] = []
        while (deadline := self.next_deadline(timing)) <= now:
            events += self._time_out(deadline, timing)
        return events

    def observe(self, seen: Observation, timing: Timing) -> list[Event]:
        """Take an observation, in order of arrival; returns the events of time-outs before it and its own."""
        events = self.until(seen.received_at, timing)
        self.at, self.received_at = seen.at, seen.received_at
        self.value = seen.value
        for level in (1, 2):
            if seen.raw >= level:
                self.since.setdefault(level, (seen.at, seen.received_at))
            else:
                self.since.pop(level, None)
        ready = max(
            (level for level, (at, received) in self.since.items() if self._has_waited(seen, at, received, timing)),
            default=0,
        )
        wanted = max(ready, min(self.level, seen.hold))
        if wanted >= self.level:
            self.clear_since = None
            return events + self._rise(wanted, seen.at, seen.received_at, timing)
        if self.clear_since is None:
            self.clear_since = (seen.at, seen.received_at)
        self.clear_to = wanted
        at, received = self.clear_since
        if seen.at - at >= timing.clear or seen.received_at - received >= timing.clear:
            events += self._fall(wanted, seen.at, seen.received_at, timing)
        return events

    def set_back(self, now: int) -> None:
        """Every time that is later than `now` is `now` instead: its time-outs begin again from there."""
        self.at, self.received_at = min(self.at, now), min(self.received_at, now)
        self.notified_at, self.spoke_at = min(self.notified_at, now), min(self.spoke_at, now)
        self.since = {level: (min(at, now), min(received, now)) for level, (at, received) in self.since.items()}
        if self.clear_since is not None:
            self.clear_since = (min(self.clear_since[0], now), min(self.clear_since[1], now))
        self.fires = [min(at, now) for at in self.fires]

    def note_what_was_told(self, timing: Timing) -> None:
        """For the state of an earlier version, which did not keep what people know: by what its newest event was."""
        if self.level and not self._muted(self.notified_at, timing):
            self.told_level = self.level

    def acknowledge(self, by: str, now: int) -> list[Event]:
        """Acknowledge an alert that fires, which ends its reminders; no event otherwise."""
        if not self.level or self.acknowledged_by:
            return []
        self.acknowledged_by = by
        return [self._event("acknowledged", self.level, now, now, "" if self.told_level else "untold")]

    def end(self, now: int, timing: Timing) -> list[Event]:
        """Its rule is not about it any more: what fires is resolved, and what waits is dropped."""
        events = self.until(now, timing)
        self.since.clear()
        self.at, self.received_at = min(self.at, now), max(self.received_at, now)
        return events + (self._fall(0, self.at, now, timing) if self.level else [])

    def dump(self) -> dict[str, Any]:
        """State for a snapshot: the fields by name."""
        return asdict(self) | {"since": list(self.since.items())}

    @classmethod
    def loaded(cls, saved: dict[str, Any]) -> Self:
        """The state that `dump` returned."""
        since = {level: (at, received) for level, (at, received) in saved["since"]}
        clear = saved["clear_since"]
        return cls(**saved | {"since": since, "clear_since": tuple(clear) if clear else None})

    @staticmethod
    def _has_waited(seen: Observation, at: int, received: int, timing: Timing) -> bool:
        return seen.at - at >= timing.wait or seen.received_at - received >= timing.wait

    def _time_out(self, deadline: int, timing: Timing) -> list[Event]:
        """Serve the time-out that is due at `deadline`."""
        due = [
            level for level, since in self.since.items() if level > self.level and since[1] + timing.wait <= deadline
        ]
        if due:
            return self._rise(max(due), self.at, deadline, timing)
        if self.clear_since is not None and self.clear_since[1] + timing.clear <= deadline:
            return self._fall(self.clear_to, self.at, deadline, timing)
        if self.level != self.told_level and self._unmuted_at(timing) <= deadline:
            return [self._unmute(deadline)]
        self.notified_at = deadline
        muted = self._maintained(deadline, timing) or ("" if self.told_level else "untold")
        return [self._event("reminder", self.level, self.at, deadline, muted)]

    def _unmute(self, now: int) -> Event:
        """Tell what stands when nothing mutes it any more."""
        tells = "fired" if not self.told_level else "escalated" if self.level > self.told_level else "eased"
        self.told_level, self.notified_at = self.level, now
        self.loudest = max(self.loudest, self.level)
        return msgspec.structs.replace(self._event("unmuted", self.level, self.at, now), tells=tells)

    def _rise(self, level: int, at: int, noticed_at: int, timing: Timing) -> list[Event]:
        if level <= self.level:
            return []
        kind: EventKind = "escalated" if self.level else "fired"
        if not self.level:
            self._count(noticed_at)
            text = "\0".join((self.rule, self.device_id, self.metric, str(at), str(noticed_at), str(self.spoken)))
            self.alert_id = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
            self.fired_at = at
            self.acknowledged_by = ""
            self.highest = self.told_level = 0
            self.fires.append(noticed_at)
        self.level = level
        self.highest = max(level, self.highest)
        self.notified_at = noticed_at
        if kind == "escalated":
            self.acknowledged_by = ""
        muted = self._muted(noticed_at, timing)
        if not muted:
            self.told_level = level
            self.loudest = max(self.loudest, level)
        return [self._event(kind, level, at, noticed_at, muted)]

    def _fall(self, level: int, at: int, noticed_at: int, timing: Timing) -> list[Event]:
        self.clear_since = None
        self.level = level
        if not level:  # an end wakes nobody: it goes out at once where people know the alert
            return [self._event("resolved", self.highest, at, noticed_at, "" if self.told_level else "untold")]
        muted = self._maintained(noticed_at, timing) or ("" if self.told_level else "untold")
        if not muted:
            self.told_level = level
        return [self._event("eased", level, at, noticed_at, muted)]

    def _muted(self, now: int, timing: Timing) -> str:
        return self._maintained(now, timing) or ("flapping" if self._flaps_until(now, timing) > now else "")

    def _maintained(self, now: int, timing: Timing) -> str:
        return "maintenance" if timing.muted_until(self.device_id, now) > now else ""

    def _flaps_until(self, now: int, timing: Timing) -> int:
        """When its firings are few enough again; 0 if they are, or if it is worse than all that people know of them."""
        if not timing.flap_most or self.level > self.loudest:
            return 0
        recent = [at for at in self.fires if at > now - timing.flap_within]
        return recent[-timing.flap_most - 1] + timing.flap_within if len(recent) > timing.flap_most else 0

    def _unmuted_at(self, timing: Timing) -> int:
        """Arrival time at which nothing mutes it any more, microseconds: not before its newest event."""
        at = self.spoke_at
        for _ in range(_MOST_MUTES):
            end = max(timing.muted_until(self.device_id, at), self._flaps_until(at, timing))
            if end <= at:
                return at
            at = end
        return FOREVER

    def _count(self, noticed_at: int) -> None:
        if noticed_at != self.spoke_at:
            self.spoke_at, self.spoken = noticed_at, 0
        self.spoken += 1

    def _event(self, kind: EventKind, level: int, at: int, noticed_at: int, suppressed: str = "") -> Event:
        self._count(noticed_at)
        return Event(
            alert_id=self.alert_id,
            kind=kind,
            ordinal=self.spoken,
            rule=self.rule,
            device_id=self.device_id,
            metric=self.metric,
            level=level,
            at=at,
            noticed_at=noticed_at,
            value=self.value if self.value == self.value and abs(self.value) != float("inf") else None,
            suppressed=suppressed,
            by=self.acknowledged_by if kind == "acknowledged" else "",
        )
