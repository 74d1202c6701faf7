"""The state machine of one alarm: ok, pending, firing, acknowledged, resolved. Pure, driven by observations and time.

Time-outs are deadlines in arrival time, and they are served before every observation that arrived at or after them. So
the outcome does not depend on how a stream was cut into batches, nor on when somebody looked.
"""

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import msgspec

EventKind = Literal["fired", "escalated", "eased", "resolved", "acknowledged", "reminder"]
FOREVER = 1 << 62


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an alarm."""

    alert_id: str
    kind: EventKind
    rule: str
    device_id: str
    metric: str
    level: int
    """1 warning, 2 critical; of `resolved` the highest that it had."""
    at: int
    """Event time, microseconds since the epoch, UTC."""
    noticed_at: int
    """Arrival time of what caused it."""
    value: float | None = None
    limit: str = ""
    suppressed: str = ""
    """Why nobody is told: `flapping`, `maintenance`; empty where they are."""
    by: str = ""
    """Who acknowledged."""
    ordinal: int = 0
    """Counts the events of an alarm that share their arrival time."""

    @property
    def key(self) -> str:
        """Idempotency key: the same event always has the same."""
        return f"{self.alert_id}-{self.kind}-{self.noticed_at}-{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Timing:
    """A rule's times in microseconds; 0 for none."""

    wait: int = 0
    clear: int = 0
    renotify: int = 0
    flap_most: int = 0
    flap_within: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What a rule says of one moment."""

    at: int
    received_at: int
    value: float
    raw: int
    """Level that the value calls for."""
    hold: int
    """Level that it is enough to keep."""


@dataclass(slots=True)
class AlertState:
    """One alarm of one rule and one series or device."""

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
    """Level to (event, arrival) time since when the condition holds without a break; while it waits for `for`."""
    clear_since: tuple[int, int] | None = None
    clear_to: int = 0
    spoke_at: int = 0
    """Arrival time of its newest event, and how many events it has had at that time."""
    spoken: int = 0
    fires: list[int] = field(default_factory=list)
    """Arrival times of recent firings, for flap suppression."""

    @property
    def state(self) -> str:
        """`ok`, `pending`, `firing` or `acknowledged`."""
        if self.level:
            return "acknowledged" if self.acknowledged_by else "firing"
        return "pending" if self.since else "ok"

    def is_forgettable(self, now: int, timing: Timing) -> bool:
        """Whether nothing of it needs to be remembered."""
        self.fires = [at for at in self.fires if at > now - timing.flap_within] if timing.flap_most else []
        return not (self.level or self.since or self.fires) and now > self.spoke_at

    def next_deadline(self, timing: Timing) -> int:
        """Arrival time of its next time-out."""
        ends = [since[1] + timing.wait for level, since in self.since.items() if level > self.level]
        if self.clear_since is not None:
            ends.append(self.clear_since[1] + timing.clear)
        if self.level and timing.renotify and not self.acknowledged_by:
            ends.append(self.notified_at + timing.renotify)
        return min(ends, default=FOREVER)

    def until(self, now: int, timing: Timing) -> list[Event]:
        """Serve the time-outs up to `now`, in their order."""
        events: list[Event] = []
        while (deadline := self.next_deadline(timing)) <= now:
            events += self._time_out(deadline, timing)
        return events

    def observe(self, seen: Observation, timing: Timing) -> list[Event]:
        """Take one observation in; they come in order."""
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
            events += self._fall(wanted, seen.at, seen.received_at)
        return events

    def acknowledge(self, by: str, now: int) -> list[Event]:
        """Somebody has seen it: no reminders any more."""
        if not self.level or self.acknowledged_by:
            return []
        self.acknowledged_by = by
        return [self._event("acknowledged", self.level, now, now)]

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
        """The one time-out that is due at `deadline`."""
        due = [
            level for level, since in self.since.items() if level > self.level and since[1] + timing.wait <= deadline
        ]
        if due:
            return self._rise(max(due), self.at, deadline, timing)
        if self.clear_since is not None and self.clear_since[1] + timing.clear <= deadline:
            return self._fall(self.clear_to, self.at, deadline)
        self.notified_at = deadline
        return [self._event("reminder", self.level, self.at, deadline)]

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
            self.highest = 0
            self.fires.append(noticed_at)
        self.level = level
        self.highest = max(level, self.highest)
        self.notified_at = noticed_at
        if kind == "escalated":
            self.acknowledged_by = ""
        return [self._event(kind, level, at, noticed_at, self._flapping(noticed_at, timing))]

    def _fall(self, level: int, at: int, noticed_at: int) -> list[Event]:
        self.clear_since = None
        self.level = level
        if level:
            return [self._event("eased", level, at, noticed_at)]
        return [self._event("resolved", self.highest, at, noticed_at)]

    def _flapping(self, now: int, timing: Timing) -> str:
        if not timing.flap_most:
            return ""
        self.fires = [at for at in self.fires if at > now - timing.flap_within]
        return "flapping" if len(self.fires) > timing.flap_most else ""

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
