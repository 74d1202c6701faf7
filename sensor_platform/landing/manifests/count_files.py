"""Counts and sequence numbers of devices, of open days from the ledger and of summed days from Parquet.

`ledger/counts/<yyyy-mm-dd>.parquet` has those of the commits of one day. The counts of an hour are the sum of the
ledger's row and of the rows of every file that `count_hours` names; its numbers are the union.
"""

import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.landing.ledger.manifest import COUNTS
from sensor_platform.landing.manifests.bundle_paths import day_key
from sensor_platform.landing.sequences import Range, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Counts of one device in one hour of arrival (start, microseconds)."""

    hour: int
    received: int
    landed: int
    quarantined: int
    duplicate: int
    forgotten: int
    rejected_readings: int


def counts_file(home: Home, day: int) -> Path:
    """File of the counts of the commits of one day."""
    return home.ledger / "counts" / f"{day_key(day)}.parquet"


def counts_of_device(
    home: Home, ledger: sqlite3.Connection, span: tuple[int, int], device_id: str
) -> tuple[HourCounts, ...]:
    """Counts of a device by hour of arrival, for hours that start in [first, end)."""
    rows = ledger.execute(
        f"select hour, {', '.join(COUNTS)} from counts where device_id = ? and hour >= ? and hour < ?",  # noqa: S608 - constants
        (device_id, *span),
    ).fetchall()
    for table in _tables(home, ledger, span, device_id):
        rows += table.select("hour", *COUNTS).rows()
    found: dict[int, list[int]] = defaultdict(lambda: [0] * len(COUNTS))
    for hour, *numbers in rows:
        found[hour] = [one + more for one, more in zip(found[hour], numbers, strict=True)]
    return tuple(HourCounts(hour, *numbers) for hour, numbers in sorted(found.items()) if any(numbers))


def sequences(
    home: Home, ledger: sqlite3.Connection, span: tuple[int, int], device_id: str | None = None
) -> dict[str, dict[int, list[Range]]]:
    """Numbers that arrived, by device and hour of arrival, for hours that start in [first, end)."""
    found: dict[str, dict[int, list[Range]]] = defaultdict(dict)
    rows = ledger.execute(
        "select device_id, hour, first, last from sequences"
        " where hour >= ? and hour < ? and (? is null or device_id = ?) order by hour, device_id, first",
        (*span, device_id, device_id),
    )
    for device, hour, first, last in rows:
        found[device].setdefault(hour, []).append((first, last))
    for table in _tables(home, ledger, span, device_id):
        for device, hour, flat in table.select("device_id", "hour", "sequences").iter_rows():
            if flat:
                known = found[device].get(hour, [])
                found[device][hour] = union(known, zip(flat[::2], flat[1::2], strict=True))
    return found


def _tables(
    home: Home, ledger: sqlite3.Connection, span: tuple[int, int], device_id: str | None
) -> "Iterator[pl.DataFrame]":
    days = ledger.execute(
        "select distinct day from count_hours where hour >= ? and hour < ? order by day", span
    ).fetchall()
    for (day,) in days:
        import polars as pl  # here: most audits are of days that are in the ledger

        is_wanted = pl.col("hour").is_between(*span, closed="left")
        if device_id is not None:
            is_wanted &= pl.col("device_id") == device_id
        yield pl.scan_parquet(counts_file(home, day), hive_partitioning=False).filter(is_wanted).collect()
