"""Lengths of time as people write them: `10s`, `5m`, `1h`, `2d`, `250ms`, to microseconds."""

import re

SECOND = 1_000_000
"""Microseconds."""

_UNITS = {"ms": 1_000, "s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def duration(text: str) -> int:
    """Microseconds of a duration.

    Raises:
        ValueError: it is none.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write it like 500ms, 10s, 5m, 1h or 2d")
    return round(float(match[1]) * _UNITS[match[2]])


def said(micros: int) -> str:
    """A duration as a person would say it, in its largest whole unit."""
    for unit in ("d", "h", "m", "s"):
        if micros % _UNITS[unit] == 0 and micros:
            return f"{micros // _UNITS[unit]}{unit}"
    return f"{micros / SECOND:g}s"
