"""Which share of the devices that were heard of recently is fresh, and which clocks are ahead.

The newest reading of a site says nothing about its other devices: one of them with a fast clock, or the only one that
is left, would make a dead site look alive.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from sensor_platform.kernel.clock import HOUR, MINUTE
from sensor_platform.landing.ledger import Heard, heard_since

TOLERANCE = 2 * MINUTE
"""A clock may be so far ahead before it counts as wrong, microseconds."""
_PAUSES = 3
"""Number of its own pauses for which a device may be silent before it is late."""


@dataclass(frozen=True, slots=True)
class FreshnessLimits:
    """What is asked of the devices of the landing layer, as in site.yaml."""

    fail_minutes: float = 15
    share: float = 0.5
    heard_hours: float = 24


DEFAULT_LIMITS = FreshnessLimits()


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices that were heard of recently, at one moment."""

    now: int
    rows: tuple[Heard, ...]

    def fresh(self, minutes: float, until: int | None = None) -> int:
        """How many are fresh.

        Args:
            minutes: how old a device's newest event may be; more for one that sends rarely.
            until: events after this time do not count, because a layer has not seen them.
        """
        return sum(self._is_fresh(each, minutes, until) for each in self.rows)

    def _is_fresh(self, device: Heard, minutes: float, until: int | None) -> bool:
        at = device.event_at if until is None else min(device.event_at, until)
        return -TOLERANCE <= self.now - at <= max(minutes * MINUTE, _PAUSES * device.pause)

    def problem(self, limits: FreshnessLimits) -> str:
        """What is wrong with the devices for the landing layer; empty where nothing is."""
        fresh, many = self.fresh(limits.fail_minutes), len(self.rows)
        if fresh < limits.share * many:
            return f"{fresh} of {many} devices are fresh within {limits.fail_minutes:.0f} minutes"
        return f"clocks are ahead: {names(self.ahead)}" if self.ahead else ""

    @property
    def ahead(self) -> tuple[tuple[str, float], ...]:
        """Devices whose clock, or whose collector's clock, is ahead, with the minutes by which it is."""
        found = ((each.device_id, max(each.ahead, each.heard_at - self.now)) for each in self.rows)
        return tuple((name, micros / MINUTE) for name, micros in found if micros > TOLERANCE)


def recent_devices(ledger: sqlite3.Connection, hours: float, now: int) -> Devices:
    """The devices that were heard of in the last hours before `now` (microseconds since the epoch, UTC)."""
    return Devices(now, tuple(heard_since(ledger, now - int(hours * HOUR))))


def names(ahead: Sequence[tuple[str, float]]) -> str:
    """Text that names devices whose clock is ahead; the first three."""
    first = ", ".join(f"{name} by {minutes:.0f} minutes" for name, minutes in ahead[:3])
    return first + (f" and {len(ahead) - 3} more" if len(ahead) > 3 else "")
