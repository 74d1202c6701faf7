"""Rows of counts: by hour and device (`counts`), by hour (`arrivals`), and the devices' message numbers (`sequences`).

All functions work within the caller's transaction. Hours are microseconds since the epoch, UTC.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sensor_platform.landing.ledger.manifest import COUNTS, OUTCOMES, DeviceCounts, Manifest
from sensor_platform.landing.sequences import Range, union, without

DeviceHour = tuple[int, str]
"""Hour of arrival and device."""
ADDING = "on conflict do update set " + ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTS)
"""End of an insert into `counts` or `arrivals`: numbers are added to those of a row that is there."""
_COLUMNS = ", ".join(COUNTS)
_VALUES = ", ".join("?" * len(COUNTS))
_TO_COUNTS = f"insert into counts (hour, device_id, {_COLUMNS}) values (?, ?, {_VALUES}) {ADDING}"  # noqa: S608 - constants
_TO_ARRIVALS = f"insert into arrivals (hour, {_COLUMNS}) values (?, {_VALUES}) {ADDING}"  # noqa: S608 - constants
_IS_EMPTY = " and ".join(f"{name} = 0" for name in COUNTS)


def add_counts(connection: sqlite3.Connection, counts: Sequence[DeviceCounts], arrivals: Mapping[int, int]) -> None:
    """Add differences to the counts; hours and devices of which nothing is left go."""
    _add(connection, counts, arrivals, 1)
    hours = {row.hour for row in counts}.union(arrivals)
    _delete_empty(connection, "counts", hours)
    _delete_empty(connection, "arrivals", hours)


def add_manifest_counts(connection: sqlite3.Connection, manifest: Manifest, sign: int = 1) -> None:
    """Add the counts of a commit, or take them back with the sign -1; rows of which nothing is left stay."""
    _add(connection, manifest.counts, manifest.arrivals, sign)


def delete_empty_counts(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Forget hours of devices of a replaced manifest of which nothing is left: the device was read wrongly then."""
    for row in manifest.counts:
        key = (row.hour, row.device_id)
        gone = connection.execute(
            f"delete from counts where hour = ? and device_id = ? and {_IS_EMPTY}",  # noqa: S608 - constants
            key,
        ).rowcount
        if gone:
            connection.execute("delete from sequences where hour = ? and device_id = ?", key)


def add_sequences(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Ranges are only joined, never removed: relanding a segment adds the same ranges."""
    for row in manifest.counts:
        if not row.sequences:
            continue
        key = (row.hour, row.device_id)
        known = _sequences(connection, key)
        joined = union(known, row.sequences)
        if joined != known:
            _replace_sequences(connection, key, joined)


def add_file_counts(connection: sqlite3.Connection, hours: Iterable[tuple[int, ...]]) -> None:
    """Add the outcomes of a file of counts to the hours of arrival, when a ledger is rebuilt.

    Args:
        connection: open for writing.
        hours: hour, and the sums of its outcomes.
    """
    connection.executemany(_TO_ARRIVALS, [(hour, 0, *outcomes) for hour, *outcomes in hours])


def take_off(
    connection: sqlite3.Connection,
    counts: Iterable[tuple[int, str, *tuple[int, ...]]],
    sequences: Iterable[tuple[DeviceHour, Sequence[Range]]],
) -> None:
    """Remove what a file has from now on.

    A row of counts that is not there becomes negative: a later commit, which took them back, is summed up later.

    Args:
        connection: open for writing.
        counts: hour, device and counts.
        sequences: numbers by hour and device.
    """
    rows = list(counts)
    connection.executemany(
        _TO_COUNTS, [(hour, device, *(-number for number in numbers)) for hour, device, *numbers in rows]
    )
    _delete_empty(connection, "counts", {row[0] for row in rows})
    for key, ranges in sequences:
        _replace_sequences(connection, key, without(_sequences(connection, key), ranges))


def _add(
    connection: sqlite3.Connection, counts: Sequence[DeviceCounts], arrivals: Mapping[int, int], sign: int
) -> None:
    connection.executemany(
        _TO_COUNTS, [(row.hour, row.device_id, *(sign * getattr(row, name) for name in COUNTS)) for row in counts]
    )
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    for hour, messages in arrivals.items():
        sums[hour]["received"] += sign * messages
    for row in counts:
        for name in OUTCOMES:
            sums[row.hour][name] += sign * getattr(row, name)
    connection.executemany(_TO_ARRIVALS, [(hour, *(sum_[name] for name in COUNTS)) for hour, sum_ in sums.items()])


def _delete_empty(connection: sqlite3.Connection, table: str, hours: Iterable[int]) -> None:
    connection.executemany(
        f"delete from {table} where hour = ? and {_IS_EMPTY}",  # noqa: S608 - constants
        [(hour,) for hour in hours],
    )


def _sequences(connection: sqlite3.Connection, key: DeviceHour) -> list[Range]:
    return connection.execute("select first, last from sequences where hour = ? and device_id = ?", key).fetchall()


def _replace_sequences(connection: sqlite3.Connection, key: DeviceHour, ranges: Iterable[Range]) -> None:
    connection.execute("delete from sequences where hour = ? and device_id = ?", key)
    connection.executemany(
        "insert into sequences (hour, device_id, first, last) values (?, ?, ?, ?)", [(*key, *each) for each in ranges]
    )
