"""Durations as people write them (`250ms`, `10s`, `5m`, `1h`, `2d`, `1w`), in microseconds."""

import re

from sensor_platform.kernel.clock import DAY, HOUR, MINUTE, SECOND

_UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1_000}
_FORM = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})")
_LIMIT = 10_000 * 366 * DAY
"""No interval between two datetimes is this long."""


def duration(text: str) -> int:
    """Microseconds of a duration.

    Raises:
        ValueError: the text is not a duration, or a duration of more than 10,000 years.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write it like 500ms, 10s, 5m, 1h or 2d")
    micros = float(match[1]) * _UNITS[match[2]]
    if micros >= _LIMIT:
        raise ValueError(f"duration out of range: {text[:40]}")
    return round(micros)


def duration_text(micros: int) -> str:
    """A duration in its largest whole unit up to days: `90s`, `2h`, `0.25s`."""
    for unit in ("d", "h", "m", "s"):
        if micros % _UNITS[unit] == 0 and micros:
            return f"{micros // _UNITS[unit]}{unit}"
    return f"{micros / SECOND:g}s"
