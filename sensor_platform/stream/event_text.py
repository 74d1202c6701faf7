"""What an event says besides itself: the limit in words, and whether maintenance keeps it from people."""

import fnmatch
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sensor_platform.kernel.clock import to_micros
from sensor_platform.kernel.durations import duration, duration_text
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import Maintenance, Rule

if TYPE_CHECKING:
    from collections.abc import Callable


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
        "per": lambda value: f"per {duration_text(duration(value))}",
    }
    words += [say(getattr(rule, name)) for name, say in more.items() if hasattr(rule, name)]
    return " ".join(words)


def covers(maintenance: Maintenance, event: Event) -> bool:
    """Whether an event falls into a maintenance of its device."""
    if not fnmatch.fnmatchcase(event.device_id, maintenance.devices):
        return False
    start, end = (_utc(text) for text in (maintenance.start, maintenance.end))
    at = event.noticed_at
    if maintenance.every and at >= start:
        at = start + (at - start) % duration(maintenance.every)
    return start <= at < end


def _utc(text: str) -> int:
    parsed = datetime.fromisoformat(text)
    return to_micros(parsed)
