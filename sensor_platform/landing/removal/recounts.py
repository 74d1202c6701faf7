"""How the counts of a commit change when rows are taken out: a message keeps one outcome, or is not counted at all."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger.manifest import COUNTS, DeviceCounts

_Key = tuple[int, str]
"""Hour of arrival and device."""
_HOUR = pl.col("received_at").cast(pl.Datetime("us")).cast(pl.Int64) // HOUR * HOUR
_DEVICE = pl.col("device_id").fill_null(UNKNOWN_DEVICE)


@dataclass(slots=True)
class Recount:
    """Differences of the counts of one commit, filled file by file.

    A forgotten message is counted without its device: its name would be kept otherwise.
    """

    is_forgotten: bool
    """Whether the messages stay counted, as forgotten; otherwise they were never received (a withdrawn import)."""
    change: dict[_Key, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    readings: int = 0

    def take_landed(self, messages: pl.DataFrame, readings: int) -> None:
        """Messages that were landed and have no reading left.

        Args:
            messages: one row for each, with received_at and device_id.
            readings: number of readings taken out, of these and of other messages.
        """
        self._take(messages, "landed")
        self.readings -= readings

    def give_back(self, messages: pl.DataFrame) -> None:
        """Messages counted as forgotten of which readings are kept: they are landed.

        Args:
            messages: one row for each, with received_at and device_id.
        """
        for hour, device, count in _counted(messages):
            self.change[hour, UNKNOWN_DEVICE].update(received=-count, forgotten=-count)
            self.change[hour, device].update(received=count, landed=count)

    def take_rejects(self, rows: pl.DataFrame) -> None:
        """Rows of a quarantine file: rejected messages, and readings rejected out of landed messages."""
        is_whole = rows["scope"] == "message"
        self._take(rows.filter(is_whole), "quarantined")
        for hour, device, count in _counted(rows.filter(~is_whole)):
            self.change[hour, device]["rejected_readings"] -= count

    def take_duplicates(self, messages: pl.DataFrame) -> None:
        """Duplicates of messages that are forgotten: they stay duplicates, without the name of a device."""
        for hour, device, count in _counted(messages):
            self.change[hour, device].update(received=-count, duplicate=-count)
            self.change[hour, UNKNOWN_DEVICE].update(received=count, duplicate=count)

    def move(self, messages: pl.DataFrame) -> None:
        """Count landed messages for another device, `new`: their own is gone and other readings stay."""
        counted = messages.group_by(_HOUR.alias("hour"), _DEVICE.alias("device"), "new").len()
        for hour, device, new, count in counted.iter_rows():
            self.change[hour, device].update(received=-count, landed=-count)
            self.change[hour, new].update(received=count, landed=count)

    def counts(self) -> tuple[DeviceCounts, ...]:
        """The differences, negative where a count decreases."""
        return tuple(_row(key, counted) for key, counted in sorted(self.change.items()) if any(counted.values()))

    def arrivals(self) -> dict[int, int]:
        """Hour to the difference of the messages received; empty where they stay counted."""
        found: Counter[int] = Counter()
        for (hour, _), counted in self.change.items():
            found[hour] += counted["received"]
        return {hour: count for hour, count in found.items() if count}

    def _take(self, messages: pl.DataFrame, fate: str) -> None:
        for hour, device, count in _counted(messages):
            self.change[hour, device].update({"received": -count, fate: -count})
            if self.is_forgotten:
                self.change[hour, UNKNOWN_DEVICE].update(received=count, forgotten=count)


def _counted(rows: pl.DataFrame) -> Iterable[tuple[int, str, int]]:
    return rows.group_by(_HOUR.alias("hour"), _DEVICE.alias("device")).len().iter_rows()


def _row(key: _Key, counted: Mapping[str, int]) -> DeviceCounts:
    counts: dict[str, Any] = {name: counted.get(name, 0) for name in COUNTS}
    return DeviceCounts(hour=key[0], device_id=key[1], **counts)
