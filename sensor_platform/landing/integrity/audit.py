"""The audit: each message that arrived has exactly one outcome, by hour of arrival; missing messages are named.

`received` is the collector's own count, taken from the frames of the segments; the outcomes are the lander's. A message
that the lander lost or landed twice therefore shows as a difference. A message that a device numbered and nobody
received shows as a range of missing numbers.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.days import EARLIEST, LATEST
from sensor_platform.landing.integrity.damage import DamagedFile, damaged_files
from sensor_platform.landing.ledger.horizon import late_frozen_rows
from sensor_platform.landing.ledger.schema import read_ledger
from sensor_platform.landing.ledger.summing import is_committed
from sensor_platform.landing.manifests.count_files import counts_of_device, sequences
from sensor_platform.landing.record_batches import SegmentReader
from sensor_platform.landing.sequences import missing
from sensor_platform.wal import OffsetGap, parse_name, read_committed_offset, read_gaps

ALL = (EARLIEST, LATEST)
"""Span of all hours."""


@dataclass(frozen=True, slots=True)
class HourAudit:
    """One hour of arrival. Counts are messages."""

    hour: int
    """Start, microseconds since the epoch, UTC."""
    received: int
    landed: int
    quarantined: int
    duplicate: int
    rejected_readings: int
    """Readings rejected out of landed messages; not part of the difference."""
    forgotten: int = 0
    """Messages whose readings a person had deleted."""

    @property
    def difference(self) -> int:
        """Messages without an outcome, or (negative) with more than one."""
        return self.received - self.landed - self.quarantined - self.duplicate - self.forgotten


@dataclass(frozen=True, slots=True)
class MissingNumbers:
    """Messages that a device numbered and that never arrived."""

    device_id: str
    first: int
    last: int
    """Last number, included in the range as `first` is."""

    @property
    def count(self) -> int:
        """Number of missing messages."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of an audit."""

    hours: tuple[HourAudit, ...]
    pending_segments: int
    """Segments that are still in the WAL."""
    pending_messages: int
    """Messages committed to pending segments; not part of `received` yet."""
    damaged_bytes: int
    """Bytes of segments that could not be read; it is unknown whether they held messages."""
    unsealed_segments: int = 0
    """Pending segments that the collector is still writing; not a fault."""
    missing: tuple[MissingNumbers, ...] = ()
    damaged_files: tuple[DamagedFile, ...] = ()
    """Files that were found damaged and are not restored."""
    late_frozen: int = 0
    """Readings that came for slots below the landing floor: kept, in no table."""
    gaps: tuple[OffsetGap, ...] = ()
    """Offsets of Kafka that were gone before they were read, where that was noted within the hours."""

    @property
    def difference(self) -> int:
        """Sum of the absolute differences: one message too many does not cancel one too few."""
        return sum(abs(hour.difference) for hour in self.hours)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, duplicated or damaged."""
        return not (self.difference or self.missing or self.damaged_files or self.damaged_bytes or self.gaps)


def audit(home: Home, span: tuple[int, int] = ALL, device_id: str | None = None) -> Audit:
    """Audit the messages that arrived in some hours.

    Args:
        home: the data folder.
        span: hours of arrival that start in [first, end), microseconds since the epoch, UTC.
        device_id: only this device. Its `received` is the lander's count: the collector does not know devices.
    """
    # before the ledger is read: a segment that is landed meanwhile is then found in the ledger
    pending = dict(_pending(home))
    with read_ledger(home) as ledger:
        if ledger is None:
            found = Audit((), 0, 0, 0)
        else:
            pending = {path: count for path, count in pending.items() if not is_committed(ledger, path.stem)}
            hours = _hours(ledger, span) if device_id is None else _hours_of(home, ledger, span, device_id)
            found = Audit(
                hours=hours,
                pending_segments=0,
                pending_messages=0,
                damaged_bytes=int(ledger.execute("select coalesce(sum(bytes), 0) from damage").fetchone()[0]),
                missing=tuple(_missing(home, ledger, span, device_id)),
                damaged_files=tuple(damaged_files(ledger)),
                late_frozen=late_frozen_rows(ledger),
            )
    return Audit(
        hours=found.hours,
        pending_segments=len(pending),
        pending_messages=sum(pending.values()),
        damaged_bytes=found.damaged_bytes,
        unsealed_segments=sum(path.suffix == ".open" for path in pending),
        missing=found.missing,
        damaged_files=found.damaged_files,
        late_frozen=found.late_frozen,
        gaps=() if device_id else tuple(gap for gap in read_gaps(home.wal) if span[0] <= gap.noted_at < span[1]),
    )


def _hours(ledger: sqlite3.Connection, span: tuple[int, int]) -> tuple[HourAudit, ...]:
    rows = ledger.execute(
        "select hour, received, landed, quarantined, duplicate, rejected_readings, forgotten from arrivals"
        " where hour >= ? and hour < ? order by hour",
        span,
    )
    return tuple(HourAudit(*row) for row in rows)


def _hours_of(home: Home, ledger: sqlite3.Connection, span: tuple[int, int], device_id: str) -> tuple[HourAudit, ...]:
    return tuple(
        HourAudit(
            row.hour,
            row.received,
            row.landed,
            row.quarantined,
            row.duplicate,
            row.rejected_readings,
            row.forgotten,
        )
        for row in counts_of_device(home, ledger, span, device_id)
    )


def _missing(
    home: Home, ledger: sqlite3.Connection, span: tuple[int, int], device_id: str | None
) -> Iterator[MissingNumbers]:
    """Gaps in each device's numbers within the span, unless numbers that arrived later fill them."""
    for device, within in sorted(sequences(home, ledger, span, device_id).items()):
        if not missing(within):
            continue
        later = sequences(home, ledger, (span[1], ALL[1]), device).get(device, {})
        after = [each for _, ranges in sorted(later.items()) for each in ranges]
        yield from (MissingNumbers(device, first, last) for first, last in missing(within, after))


def _pending(home: Home) -> Iterator[tuple[Path, int]]:
    """Segments in the WAL, with the messages that are safely in them."""
    for path in sorted([*home.wal.glob("*.wal"), *home.wal.glob("*.open"), *home.ingest.glob("*.open")]):
        try:
            yield path, _messages(path)
        except FileNotFoundError:
            continue  # sealed or landed while we looked


def _messages(path: Path) -> int:
    end = None
    if path.suffix == ".open":
        name = parse_name(path.stem)
        mark = read_committed_offset(path.parent, name.collector) if name else None
        end = mark.offset if mark and mark.segment == path.stem else None
    counted: Counter[int] = Counter(SegmentReader(path).arrivals(end))
    return counted.total()
