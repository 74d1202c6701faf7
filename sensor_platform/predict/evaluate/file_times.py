"""Times of a file: with or without a zone, as text in several formats, as epoch numbers, or as step numbers."""

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import HOUR, to_micros
from sensor_platform.reading.times import EPOCH_SCALES, epoch_unit

if TYPE_CHECKING:
    import polars as pl

_STEP_NUMBERS = 1e8
"""Smaller numbers are step numbers, not times (as seconds they would lie before March 1973)."""
_ORDERS = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d")
_CLOCKS = (" %H:%M:%S%.f", " %H:%M", "T%H:%M:%S%.f", " %I:%M:%S %p", " %I:%M %p", "")
_MOST_LOST = 0.05
"""Fraction of texts that may fail to parse as a time."""
_DESERTED = 20
"""A time farther away than this many times the span of nearly all others comes from a clock that was not set."""


class TimeColumn:
    """Parsed times of one column; `--test-from` is parsed in the same way."""

    def __init__(self, column: "pl.Series", name: str, notes: list[str]) -> None:
        """Parse a column.

        Raises:
            WrongUse: the column does not hold times.
        """
        self._unit_us: float | None = None
        self._notes = notes
        self.times = self._read(column, name)
        """Plain UTC, microseconds; null where there is no time."""

    def _read(self, column: "pl.Series", name: str) -> "pl.Series":
        import polars as pl

        if column.dtype == pl.String:
            text = column.str.strip_chars()
            number = text.cast(pl.Float64, strict=False)
            column = (
                number if len(text) and number.null_count() == text.null_count() else _parsed(text, name, self._notes)
            )
        if isinstance(column.dtype, pl.Datetime):
            plain = column.dt.convert_time_zone("UTC") if column.dtype.time_zone else column
            return plain.dt.replace_time_zone(None).cast(pl.Datetime("us"))
        if column.dtype == pl.Date:
            return column.cast(pl.Datetime("us"))
        if column.dtype.is_numeric():
            return self._numeric(column.cast(pl.Float64, strict=False), name)
        raise WrongUse(
            f"--time: {name!r} holds {column.dtype}, not times", "use a column of times, dates or epoch numbers"
        )

    def _numeric(self, column: "pl.Series", name: str) -> "pl.Series":
        import polars as pl

        largest = float(np.nanmax(np.abs(column.to_numpy()), initial=0.0))
        if largest < _STEP_NUMBERS:
            self._unit_us = float(HOUR)
            self._notes.append(f"{name} holds step numbers, not times: a step counts as an hour")
        else:
            self._unit_us = float(EPOCH_SCALES[epoch_unit(largest)])
        return (column * self._unit_us).round().cast(pl.Int64, strict=False).cast(pl.Datetime("us"))

    def micros_of(self, text: str) -> int:
        """Microseconds since the epoch of `--test-from`, written as in the column or in ISO 8601 (UTC without a zone).

        Raises:
            WrongUse: `text` is not a time.
        """
        plain = text.strip()
        if self._unit_us is not None:
            try:
                return round(float(plain) * self._unit_us)
            except ValueError:
                pass
        try:
            micros_of = datetime.fromisoformat(plain)
        except ValueError as error:
            raise WrongUse(
                f"--test-from: {text!r} is not a time", "write it as 2026-01-31 or 2026-01-31T13:00"
            ) from error
        return to_micros(micros_of)


def _parsed(column: "pl.Series", name: str, notes: list[str]) -> "pl.Series":
    """Parse text as times: ISO 8601, else the format that parses the most texts and gives the most even steps."""
    import polars as pl

    known = len(column) - column.null_count()
    for zone in (None, "UTC"):
        try:
            found = column.str.to_datetime(time_unit="us", time_zone=zone, strict=False)
        except pl.exceptions.PolarsError:
            continue
        if known and found.is_not_null().sum() >= (1 - _MOST_LOST) * known and not _has_slashes(column):
            return found
    best: tuple[float, pl.Series, str] | None = None
    for form in (order + clock for order in _ORDERS for clock in _CLOCKS):
        found = column.str.to_datetime(form, time_unit="us", strict=False)
        count = int(found.is_not_null().sum())
        if count >= (1 - _MOST_LOST) * max(known, 1) and (best is None or count + _order(found) > best[0]):
            best = (count + _order(found), found, form)
    if best is None or not known:
        raise WrongUse(
            f"--time: {name!r} holds text that is not a time", "write times as 2026-01-31 13:00:00 or ISO 8601"
        )
    notes.append(f"times of {name} were read as {best[2].replace('%.f', '')}")
    return best[1]


def _has_slashes(column: "pl.Series") -> bool:
    """Whether day and month may be in either order."""
    return bool(column.head(200).str.contains(r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4}").any())


def _order(times: "pl.Series") -> float:
    """Fraction of the distances between successive times that equal the most common one."""
    apart = times.drop_nulls().unique().sort().diff().drop_nulls()
    return float(apart.value_counts(sort=True)["count"][0] / len(apart)) if len(apart) else 0.0


def without_stray_times(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Drop the few rows whose `window_start` is far from all others, as after a clock was not set."""
    import polars as pl

    at = frame["window_start"].dt.epoch("us").to_numpy()
    low, high = np.quantile(at, [0.01, 0.99], method="inverted_cdf")
    reach = _DESERTED * (high - low)
    return frame.filter(pl.Series((at >= low - reach) & (at <= high + reach))) if high > low else frame
