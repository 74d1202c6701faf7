"""Drift: what was one kind of value becomes another. Nothing is dropped for it, but it is written down."""

from dataclasses import dataclass
from enum import IntFlag


class ValueKind(IntFlag):
    """Kinds of values in payloads; bits, so that all that were seen of a metric fit into a number."""

    BOOLEAN = 1
    INTEGER = 2
    FLOAT = 4
    TEXT = 8


KIND_OF: dict[type, int] = {
    bool: ValueKind.BOOLEAN,
    int: ValueKind.INTEGER,
    float: ValueKind.FLOAT,
    str: ValueKind.TEXT,
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that changed about a device."""

    message: int
    """Index in the batch."""
    device_id: str
    metric: str | None
    what: str
    """`type` or `sequence_gap`."""
    was: str
    now: str


def names(kinds: int) -> str:
    """Kinds in words: `integer, float`."""
    return ", ".join(kind.name.lower() for kind in ValueKind if kinds & kind and kind.name)
