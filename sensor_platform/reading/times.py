"""Converts times in all usual forms to integer microseconds since the epoch (UTC)."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sensor_platform.kernel.clock import to_micros
from sensor_platform.reading.local_times import FromArrival, UnclearTime, local_time

_FORMATS: Final = ("auto", "s", "ms", "us", "ns", "iso")
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_KNOWN: Final = frozenset("YymdHIMSfpbBaAjzZ%")
_UTC_BEHIND = re.compile(r"(?:UTC|GMT|Z)\s*$")
_ISO = re.compile(
    r"(\d{4}-?\d\d-?\d\d[T ])(?:(24)(:?00(?::?00(?:[.,]0*)?)?)|(\d\d:?\d\d:?)(60)([.,]\d+)?)(Z|[+-]\d\d(?::?\d\d)?)?",
)
_DIGITS_OF_A_DATE: Final = (19_700_101_000_000, 21_001_231_235_959)
"""Numbers of 14 digits that are dates of these centuries as `%Y%m%d%H%M%S`; as milliseconds they are after 2594."""
_TIME_OF_DAY = re.compile(r"\s*\d{1,2}[:.]\d\d([:.]\d\d.*)?(\s*[AaPp][Mm])?\s*")

EPOCH_LIMITS: Final = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": 1e20}
"""Epoch units by magnitude: each limit is the year 5138 in its unit, and 1973 in the next."""
EPOCH_SCALES: Final = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1e-3}
"""Microseconds of one unit."""
_SECONDS, _MILLIS, _MICROS, _NANOS = EPOCH_LIMITS.values()
EARLIEST: Final = -62_135_596_800_000_000
"""Microseconds at the start of year 1."""
_LENGTH_OF_A_DATE = len("2024-12-31")
_LATEST = 253_402_300_800_000_000
"""Microseconds at the end of year 9999, the limit of Python and SQL."""


def zone(name: str) -> tzinfo:
    """A time zone by IANA name or fixed offset (`+08:00`).

    Raises:
        ValueError: there is no such zone.
    """
    if name[:1] in {"+", "-"}:
        offset = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").utcoffset()
        return timezone(offset or timedelta())
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}") from error


def epoch_unit(size: float) -> str:
    """The unit of epoch numbers up to this size; nanoseconds for all larger ones."""
    return next((unit for unit, limit in EPOCH_LIMITS.items() if size < limit), "ns")


def format_error(form: str) -> str | None:
    """What is wrong with a contract's `time.format`, or None."""
    if form in _FORMATS:
        return None
    if "%" not in form:
        return f"{form!r} is none of {', '.join(_FORMATS)}, and no form like %d.%m.%Y %H:%M:%S"
    unknown = sorted(set(_DIRECTIVE.findall(f"{form} ")) - _KNOWN)
    return f"{form!r}: %{unknown[0]} is not a part of a time" if unknown else None


def is_time_of_day(value: object) -> bool:
    """Whether a value is the text of a time of day without a date."""
    return isinstance(value, str) and _TIME_OF_DAY.fullmatch(value) is not None


class DateOnly(int):
    """A time that was read from a date without a time of day: midnight."""


def time_reader(form: str, default_zone: tzinfo) -> Callable[[object], int | str | UnclearTime | None]:
    """A function from a decoded value to microseconds, to a reason (text) if it is not a time, or to None for null.

    A local time that clocks of the default zone show twice or never becomes an `UnclearTime`.
    """
    if "%" in form:
        return partial(_from_form, form, UTC if _UTC_BEHIND.search(form) else default_zone)
    from_number = _from_any_epoch if form == "auto" else partial(_from_epoch, form)

    def read(value: object) -> int | str | UnclearTime | None:
        kind = type(value)
        if kind is float or kind is int:
            return from_number(value)  # type: ignore[arg-type]
        if value is None:
            return None
        if kind is str:
            return _from_text(value, form, default_zone)  # type: ignore[arg-type]
        return f"a time cannot be {'a boolean' if kind is bool else 'an array or object'}"

    return read


def exact_time(value: object) -> int | str | UnclearTime | FromArrival | None:
    """A time that a decoder has read: microseconds since the epoch, or what `time_reader` makes of a value."""
    return _in_range(value, value) if type(value) is int else value  # type: ignore[return-value] # as decoders make it


def _from_any_epoch(value: float) -> int | str:
    size = value if value >= 0 else -value
    if size < _SECONDS:
        at = round(value * 1_000_000)
    elif size < _MILLIS:
        if _DIGITS_OF_A_DATE[0] <= size <= _DIGITS_OF_A_DATE[1]:
            return f"{_short(value)} has the digits of a date; as milliseconds it is far in the future"
        at = round(value * 1_000)
    elif size < _MICROS:
        at = round(value)
    elif size < _NANOS:
        at = int(value) // 1_000
    else:
        return f"{_short(value)} is not a time" if value != value else f"{_short(value)} is too large for a time"
    return at if at >= EARLIEST else _in_range(at, value)


def _from_epoch(form: str, value: float) -> int | str:
    if form == "iso":
        return f"{_short(value)} is a number, and the contract expects ISO 8601 text"
    if value != value:
        return f"{value} is not a time"
    if (
        abs(value) >= _NANOS
    ):  # beyond every year in every unit; also infinity, and values that would overflow to it below
        return f"{_short(value)} is too large for a time"
    if form == "ns":
        return _in_range(int(value) // 1_000, value)
    return _in_range(round(value * EPOCH_SCALES[form]), value)


def _from_text(text: str, form: str, default_zone: tzinfo) -> int | str | UnclearTime | None:
    text = text.strip()
    if not text:
        return None
    if form != "iso" and (number := _number(text)) is not None:
        return _from_any_epoch(number) if form == "auto" else _from_epoch(form, number)
    if form not in {"auto", "iso"}:
        return f"{_short(text)} is not a number of {form} since 1970"
    try:
        parsed = datetime.fromisoformat(text)
        at = to_micros(parsed) if parsed.tzinfo else local_time(parsed, default_zone, _short(text))
    except (ValueError, OverflowError):
        return _from_other_text(text, default_zone)
    if not isinstance(at, int):
        return at
    found = _in_range(at, text)
    # no time of day: a colon, or the T of the basic form, is in every text that has one
    is_date = len(text) <= _LENGTH_OF_A_DATE and ":" not in text and "T" not in text and " " not in text
    return DateOnly(found) if is_date and isinstance(found, int) else found


def _from_other_text(text: str, default_zone: tzinfo) -> int | str | UnclearTime:
    """Times of RFC 3339, ISO 8601 and HTTP that Python does not read: second 60, hour 24, small letters, `UTC`."""
    try:
        if match := _ISO.fullmatch(text.upper()):
            day, _, _, clock, _, fraction, offset = match.groups()
            shown, extra = (
                (f"{day}00:00", timedelta(days=1)) if clock is None else (f"{day}{clock}59", timedelta(seconds=1))
            )
            parsed = datetime.fromisoformat(f"{shown}{(fraction or '').replace(',', '.')[:7]}{offset or ''}") + extra
        elif text[:1].isalpha():
            parsed = parsedate_to_datetime(text)
        else:
            parsed = datetime.fromisoformat(re.sub(r"\s*(?:UTC|GMT|Z)$", "+00:00", text.upper()))
        at = to_micros(parsed) if parsed.tzinfo else local_time(parsed, default_zone, _short(text))
        return _in_range(at, text) if isinstance(at, int) else at
    except (ValueError, OverflowError, TypeError, IndexError):
        return f"{_short(text)} is not a time that we can read"


def _from_form(form: str, default_zone: tzinfo, value: object) -> int | str | UnclearTime | None:
    """A time in a form that the contract states. Numbers are read by their digits."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "a time cannot be a boolean, an array or object"
    text = value.strip() if isinstance(value, str) else _digits(value).removesuffix(".0")
    try:
        parsed = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        at = to_micros(parsed) if parsed.tzinfo else local_time(parsed, default_zone, _short(text))
        return _in_range(at, text) if isinstance(at, int) else at
    except (ValueError, OverflowError):
        return f"{_short(text)} is not of the form {form}"


def _in_range(at: int, value: object) -> int | str:
    """The time, unless its zone moved it out of the years that Python and SQL support."""
    return at if EARLIEST <= at < _LATEST else f"{_short(value)} lies outside the years 1 to 9999"


def _number(text: str) -> float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _short(value: object) -> str:
    shown = repr(value) if isinstance(value, str) else _digits(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _digits(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python is willing to print
        return "an integer of thousands of digits"
