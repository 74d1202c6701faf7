"""Selects rows of the quarantine."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from sensor_platform.kernel.clock import plain_utc
from sensor_platform.reading.names import topic_matches


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Conditions that all hold for a selected row; without any condition every row is selected."""

    rules: tuple[str, ...] = ()
    topic: str | None = None
    """MQTT topic filter that the topic matches."""
    since: datetime | None = None
    """Earliest receive time, aware, included."""
    until: datetime | None = None
    """Latest receive time, aware, excluded."""
    device: str | None = None
    segment: str | None = None
    position: int | None = None

    def mask(self, rows: pl.DataFrame) -> pl.Series:
        """True for each selected row."""
        received_at = pl.col("received_at")
        terms: list[pl.Expr] = []
        if self.rules:
            terms.append(pl.col("rule").is_in(list(self.rules)))
        if self.topic is not None:
            topics = [topic for topic in rows["topic"].unique() if topic_matches(self.topic, topic)]
            terms.append(pl.col("topic").is_in(topics))
        if self.since is not None:
            terms.append(received_at >= plain_utc(self.since))
        if self.until is not None:
            terms.append(received_at < plain_utc(self.until))
        wanted = {"device_id": self.device, "segment": self.segment, "position": self.position}
        terms.extend(pl.col(name) == value for name, value in wanted.items() if value is not None)
        if not terms:
            return pl.repeat(value=True, n=len(rows), dtype=pl.Boolean, eager=True)
        return rows.select(pl.all_horizontal(terms).fill_null(value=False).alias("chosen"))["chosen"]
