"""Kinds of values, and drift: values of a metric change their kind. Drift is recorded and nothing dropped."""

from dataclasses import dataclass
from enum import IntFlag


class ValueKind(IntFlag):
    """Kinds of values in payloads. They are bits, so that all kinds of a metric fit into one number."""

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
    """One change in what a device sends."""

    message: int
    """Index of the message in the batch."""
    device_id: str
    metric: str | None
    what: str
    """`type` or `sequence_gap`."""
    was: str
    now: str


def names(kinds: int) -> str:
    """Names of the kinds: `integer, float`."""
    return ", ".join(kind.name.lower() for kind in ValueKind if kinds & kind and kind.name)
