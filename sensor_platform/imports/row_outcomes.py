"""Result of a batch of rows: readings, rejects and outcomes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sensor_platform.landing.files.text_codes import TextCodes


@dataclass(slots=True)
class Dictionaries:
    """Codes of repeated texts, shared by all batches of an import."""

    devices: TextCodes = field(default_factory=TextCodes)
    metrics: TextCodes = field(default_factory=TextCodes)
    units: TextCodes = field(default_factory=TextCodes)
    qualities: TextCodes = field(default_factory=TextCodes)
    tags: TextCodes = field(default_factory=TextCodes)
    """Codes of tag maps as JSON."""
    topics: TextCodes = field(default_factory=TextCodes)


@dataclass(slots=True)
class RowsRead:
    """Result of one batch."""

    rows: int
    readings: pl.DataFrame
    """device, metric, event_at, value, position; text, unit, quality, message_id, tags only where there are any."""
    refused: pl.DataFrame
    """row, rule, reason, device_id, metric, scope."""
    outcomes: pl.DataFrame
    """device (text, null for unknown), received, landed, quarantined, rejected_readings."""


REFUSED = {
    "row": pl.UInt32,
    "rule": pl.String,
    "reason": pl.String,
    "device_id": pl.String,
    "metric": pl.String,
}


class RowRejects:
    """Rows that are rejected whole; the first reason counts."""

    def __init__(self, frame: pl.DataFrame, device: pl.Series) -> None:
        self.frame = frame
        self.device = device
        self.bad: pl.Series | None = None
        self.rows: dict[int, tuple[str, str, str | None]] = {}

    def all(self) -> pl.Series:
        """A mask of every row."""
        return pl.repeat(value=True, n=len(self.frame), dtype=pl.Boolean, eager=True)

    def one(self, row: int, rule: str, reason: str, metric: str | None = None) -> None:
        """Reject one row, unless it is rejected already."""
        self.rows.setdefault(row, (rule, reason, metric))

    def where(self, mask: pl.Series, rule: str, reason: str | Callable[[int], str], metric: str | None = None) -> None:
        """Reject the rows of a mask, unless they are rejected already."""
        if not mask.any():
            return
        for row in mask.arg_true().to_list():
            if row not in self.rows:
                self.rows[row] = (rule, reason if isinstance(reason, str) else reason(row), metric)

    def kept(self) -> pl.Series | None:
        """Mask of the rows that are not rejected; None if all are kept."""
        if not self.rows:
            return None
        kept = np.ones(len(self.frame), np.bool_)
        kept[list(self.rows)] = False
        return pl.Series(kept)


def rejects_frame(rows: dict[int, tuple[str, str, str | None]], device: pl.Series) -> pl.DataFrame:
    """Rejects of whole rows as a table; a row maps to rule, reason and metric."""
    index = pl.Series(list(rows), dtype=pl.UInt32)
    whys = list(rows.values())
    return pl.DataFrame(
        {
            "row": index,
            "rule": pl.Series([why[0] for why in whys], dtype=pl.String),
            "reason": pl.Series([why[1] for why in whys], dtype=pl.String),
            "device_id": device.gather(index),
            "metric": pl.Series([why[2] for why in whys], dtype=pl.String),
        },
        schema=REFUSED,
    )
