"""Which rows are taken out of the files of the ledger."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from sensor_platform.kernel.days import EARLIEST, LATEST

KEYS = ("segment", "position", "device_id", "metric", "topic", "event_at", "received_at")
"""Columns of a landing file that a choice may look at."""


class RowChoice(Protocol):
    """Chooses rows. Both masks have one value for each row, without nulls."""

    @property
    def span(self) -> tuple[int, int]:
        """Event times outside of [first, end), microseconds, are never chosen."""
        ...

    def landing(self, rows: pl.DataFrame) -> pl.Series:
        """Mask of readings; `rows` has the columns `KEYS`."""
        ...

    def quarantine(self, rows: pl.DataFrame) -> pl.Series:
        """Mask of rows of a quarantine file."""
        ...


@dataclass(frozen=True, slots=True)
class PositionRange:
    """Messages of one commit, or rows of one imported file: positions in [first, end)."""

    segment: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class ByPosition:
    """Chooses by segment and position."""

    ranges: Collection[PositionRange]

    @property
    def span(self) -> tuple[int, int]:
        """All of time."""
        return EARLIEST, LATEST

    def landing(self, rows: pl.DataFrame) -> pl.Series:
        """Mask of readings."""
        return self._mask(rows)

    def quarantine(self, rows: pl.DataFrame) -> pl.Series:
        """Mask of rejects."""
        return self._mask(rows)

    def _mask(self, rows: pl.DataFrame) -> pl.Series:
        terms = [
            (pl.col("segment") == each.segment) & pl.col("position").is_between(each.first, each.end, closed="left")
            for each in self.ranges
        ]
        return rows.select(pl.any_horizontal(pl.lit(value=False), *terms).fill_null(value=False).alias("m"))["m"]
