"""Changes of the ledger's counts when rows leave the quarantine: every message keeps exactly one outcome."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import polars as pl

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger.manifest import DeviceCounts
from sensor_platform.landing.quarantine.redecode import Redecoded

_Key = tuple[int, str]
"""Hour of arrival and device."""


@dataclass(frozen=True, slots=True)
class Change:
    """Differences of counts; negative where a count decreases."""

    landed: int
    """Messages that landed; as many fewer are quarantined."""
    rejected_readings: int
    counts: tuple[DeviceCounts, ...]


def recount(before: pl.DataFrame, rest: pl.DataFrame, dropped: pl.DataFrame, redecoded: Redecoded | None) -> Change:
    """The change of counts from `before` to the remaining rows.

    Args:
        before: rows of the quarantine file that is replaced.
        rest: rows that remain.
        dropped: rows that are dropped; they stay counted.
        redecoded: the messages that landed; None for a drop.
    """
    change: dict[_Key, Counter[str]] = defaultdict(Counter)
    landed = {} if redecoded is None else dict(redecoded.landed.iter_rows())
    for rows, sign in ((before, -1), (rest, 1), (dropped, 1)):
        for hour, device, count in _rejected(rows):
            change[hour, device]["rejected_readings"] += sign * count
    for received_at, owner, position in _whole(before):
        if position in landed:
            hour = received_at // HOUR * HOUR
            change[hour, owner or UNKNOWN_DEVICE].update(received=-1, quarantined=-1)
            change[hour, landed[position]].update(received=1, landed=1)
    counts = [
        DeviceCounts(
            hour=hour,
            device_id=device,
            received=counted["received"],
            landed=counted["landed"],
            quarantined=counted["quarantined"],
            duplicate=0,
            rejected_readings=counted["rejected_readings"],
        )
        for (hour, device), counted in sorted(change.items())
        if any(counted.values())
    ]
    return Change(len(landed), sum(row.rejected_readings for row in counts), tuple(counts))


def _rejected(rows: pl.DataFrame) -> list[tuple[int, str, int]]:
    """Hour, device and number of rejected single readings."""
    counted = (
        rows.filter(pl.col("scope") == "reading")
        .group_by(
            pl.col("received_at").cast(pl.Datetime("us")).cast(pl.Int64) // HOUR * HOUR,
            pl.col("device_id").fill_null(UNKNOWN_DEVICE),
        )
        .len()
    )
    return list(counted.iter_rows())


def _whole(rows: pl.DataFrame) -> list[tuple[int, str | None, int]]:
    """Receive time, device and position of messages that were quarantined whole."""
    messages = rows.filter(pl.col("scope") == "message")
    return list(messages.select(pl.col("received_at").cast(pl.Int64), "device_id", "position").iter_rows())
