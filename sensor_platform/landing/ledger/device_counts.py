"""Sums and differences of counts by hour and device. Pure functions."""

from collections.abc import Iterable
from operator import attrgetter

from msgspec import structs

from sensor_platform.landing.ledger.manifest import COUNTS, DeviceCounts
from sensor_platform.landing.sequences import union


def negative(rows: Iterable[DeviceCounts]) -> tuple[DeviceCounts, ...]:
    """Counts to take away. Sequence numbers arrived all the same, so they have none."""
    return tuple(
        DeviceCounts(hour=row.hour, device_id=row.device_id, **{name: -getattr(row, name) for name in COUNTS})
        for row in rows
    )


def summed(*several: Iterable[DeviceCounts]) -> tuple[DeviceCounts, ...]:
    """The sums by hour and device, in that order; rows in which nothing is left go."""
    sums: dict[tuple[int, str], DeviceCounts] = {}
    for row in (row for rows in several for row in rows):
        key = (row.hour, row.device_id)
        sums[key] = _added(sums[key], row) if key in sums else row
    left = (row for row in sums.values() if any(getattr(row, name) for name in COUNTS))
    return tuple(sorted(left, key=attrgetter("hour", "device_id")))


def _added(one: DeviceCounts, other: DeviceCounts) -> DeviceCounts:
    firsts = [row.first_sequence for row in (one, other) if row.first_sequence is not None]
    lasts = [row.last_sequence for row in (one, other) if row.last_sequence is not None]
    return structs.replace(
        one,
        **{name: getattr(one, name) + getattr(other, name) for name in COUNTS},
        first_sequence=min(firsts, default=None),
        last_sequence=max(lasts, default=None),
        sequences=tuple(union(one.sequences, other.sequences)),
    )
