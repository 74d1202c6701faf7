"""Converts whole columns of times to microseconds since the epoch, as `reading.times` does for single values.

Forms that Polars parses reliably are parsed by it, 20 ns each; all others go through the reader for single values, so
that both agree by construction.
"""

import re

import polars as pl

from sensor_platform.reading.contract import TimeSource
from sensor_platform.reading.local_times import UnclearTime
from sensor_platform.reading.times import EARLIEST, EPOCH_LIMITS, EPOCH_SCALES, time_reader, zone
from sensor_platform.reading.values import RejectReason

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?")
_ROUNDS = 4
"""Forms of text in one batch that are parsed as columns; more are parsed one by one."""


def times_of(column: pl.Series, source: TimeSource) -> tuple[pl.Series, dict[int, RejectReason]]:
    """Microseconds (null without a time), and by row the reason why a value is not a time.

    Rows have no time of arrival: of local times that clocks show twice or never, `source.repeated_hour` decides.

    Args:
        column: numbers, texts, dates or date-times.
        source: format and time zone.
    """
    kind = column.dtype
    if isinstance(kind, pl.Datetime | pl.Date):
        at = _from_moments(column, source.timezone)
        if at.null_count() == column.null_count():
            return at, {}
        return _one_by_one(column.cast(pl.Datetime("us")).dt.to_string("iso:strict"), at, source)
    at = pl.repeat(None, len(column), dtype=pl.Int64, eager=True)
    if kind == pl.String:
        at = _from_texts(column, source, at)
    elif kind.is_numeric() and source.format in {"auto", "s", "ms", "us", "ns"}:
        at = _from_numbers(column, source.format)
    left = column.filter(at.is_null() & column.is_not_null())
    if left.is_empty():
        return at, {}
    return _one_by_one(column, at, source)


def _from_moments(column: pl.Series, timezone: str) -> pl.Series:
    column = column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None)))
    if getattr(column.dtype, "time_zone", None) is None and timezone != "UTC":
        column = _in_zone(column, timezone)
    return column.cast(pl.Int64)


def _in_zone(column: pl.Series, timezone: str) -> pl.Series:
    """Local times to UTC; null for one that clocks show twice or never."""
    if timezone[:1] in {"+", "-"}:
        offset = zone(timezone).utcoffset(None)
        assert offset is not None
        return column - offset
    return column.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")


def _from_texts(column: pl.Series, source: TimeSource, at: pl.Series) -> pl.Series:
    if source.format in {"auto", "s", "ms", "us", "ns"}:
        whole = column.cast(pl.Int64, strict=False)
        if not whole.is_null().all():
            at = _from_numbers(whole, source.format)
    if source.format not in {"auto", "iso"}:
        return at
    for _ in range(_ROUNDS):
        left = column.filter(at.is_null() & column.is_not_null())
        match = _ISO.fullmatch(left[0]) if len(left) else None
        if match is None:
            return at
        at = at.zip_with(at.is_not_null(), _parse(column, match, source.timezone))
    return at


def _parse(column: pl.Series, match: "re.Match[str]", timezone: str) -> pl.Series:
    """All texts of the form of one that matched; null where they are not."""
    separator, seconds, fraction, suffix = match.groups()
    form = f"%Y-%m-%d{separator}%H:%M" + (":%S" if seconds else "") + ("%.f" if fraction else "")
    if suffix and suffix != "Z":
        parsed = column.str.to_datetime(form + "%:z", time_unit="us", strict=False)
        return parsed.cast(pl.Int64)
    parsed = column.str.to_datetime(form + (suffix or ""), time_unit="us", strict=False)
    if suffix is None and timezone != "UTC":
        # beyond these years the two libraries' rules of daylight saving may differ
        parsed = _in_zone(parsed.set(~parsed.dt.year().is_between(1970, 2036), None), timezone)
    return parsed.cast(pl.Int64)


def _from_numbers(column: pl.Series, form: str) -> pl.Series:
    """Epoch numbers; null where the reader for single values must decide (too large, not finite)."""
    x = pl.col("x")
    number = x if column.dtype.is_integer() else x.cast(pl.Float64)
    if form == "ns":
        at = (number.cast(pl.Int64, strict=False)) // 1_000
    elif form in EPOCH_SCALES:
        at = _scaled(number, int(EPOCH_SCALES[form]), column)
    else:
        size = number.cast(pl.Float64).abs()
        at = pl.coalesce(
            pl.when(size < EPOCH_LIMITS[unit]).then(_scaled(number, int(EPOCH_SCALES[unit]), column))
            for unit in ("s", "ms", "us")
        )
    found = column.alias("x").to_frame().select(at.alias("at"))["at"]
    return found.set(~found.is_between(EARLIEST, -EARLIEST), None)


def _scaled(number: pl.Expr, scale: int, column: pl.Series) -> pl.Expr:
    if column.dtype.is_integer():
        fits = number.cast(pl.Float64).abs() < 9e18 / scale
        return pl.when(fits).then(number.cast(pl.Int64, strict=False)).otherwise(None) * scale
    return (number * scale).round(mode="half_to_even").cast(pl.Int64, strict=False)


def _one_by_one(column: pl.Series, at: pl.Series, source: TimeSource) -> tuple[pl.Series, dict[int, RejectReason]]:
    """Read the values that have no time yet as single ones."""
    read = time_reader(source.format, zone(source.timezone))
    rows = (at.is_null() & column.is_not_null()).arg_true()
    known: dict[object, int | RejectReason | None] = {}
    times: list[int | None] = []
    reasons: dict[int, RejectReason] = {}
    for row, value in zip(rows.to_list(), column.gather(rows).to_list(), strict=True):
        if value not in known:
            known[value] = _settled(read(value), source)
        found = known[value]
        times.append(found if isinstance(found, int) else None)
        if isinstance(found, RejectReason):
            reasons[row] = found
    return at.scatter(rows, pl.Series(times, dtype=pl.Int64)), reasons


def _settled(found: int | str | UnclearTime | None, source: TimeSource) -> int | RejectReason | None:
    rule = "bad_time"
    if isinstance(found, UnclearTime):
        found, rule = found.resolve(None, source.repeated_hour), "unclear_time"
    return RejectReason(rule, found) if isinstance(found, str) else found
