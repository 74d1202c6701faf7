"""The audit: every message that arrived has exactly one fate, by hour of arrival.

`received` is the collector's own count, taken from the frames of the segments; the fates are the lander's. A message
that the lander lost or took twice therefore shows as a difference.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.intake import Intake
from sensor_platform.landing.ledger.schema import read_ledger
from sensor_platform.landing.segments import parse_name, read_committed


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
    """Readings refused out of landed messages; not part of the equation."""

    @property
    def difference(self) -> int:
        """Messages without a fate, or (negative) with more than one."""
        return self.received - self.landed - self.quarantined - self.duplicate


@dataclass(frozen=True, slots=True)
class Audit:
    """The whole audit."""

    hours: tuple[HourAudit, ...]
    pending_segments: int
    """Segments that are still in the WAL,"""
    pending_messages: int
    """and the messages committed to them. They are not part of `received` yet."""
    damaged_bytes: int
    """Bytes of segments that could not be read; whether they held messages cannot be known."""

    @property
    def difference(self) -> int:
        """Sum of the differences' sizes: one message too many does not excuse one too few."""
        return sum(abs(hour.difference) for hour in self.hours)


def audit(home: Home) -> Audit:
    """Audit everything that was ever landed."""
    hours: dict[int, HourAudit] = {}
    committed: set[str] = set()
    damaged = 0
    # before the ledger: a segment that is landed meanwhile is then in the ledger, not in neither
    pending = dict(_pending(home))
    with read_ledger(home) as ledger:
        if ledger is not None:
            hours = {
                row[0]: HourAudit(*row)
                for row in ledger.execute(
                    "select h.hour, coalesce((select received from arrivals a where a.hour = h.hour), 0),"
                    " coalesce(sum(landed), 0), coalesce(sum(quarantined), 0), coalesce(sum(duplicate), 0),"
                    " coalesce(sum(rejected_readings), 0)"
                    " from (select hour from counts union select hour from arrivals) h left join counts using (hour)"
                    " group by h.hour order by h.hour"
                )
            }
            committed = {segment for (segment,) in ledger.execute("select segment from segments")}
            damaged = int(ledger.execute("select coalesce(sum(bytes), 0) from damage").fetchone()[0])
    waiting = {segment: count for segment, count in pending.items() if segment not in committed}
    return Audit(tuple(hours.values()), len(waiting), sum(waiting.values()), damaged)


def audit_device(home: Home, device_id: str) -> tuple[HourAudit, ...]:
    """The fates of one device's messages by hour. Its `received` is the lander's: only it knows whose a message is."""
    with read_ledger(home) as ledger:
        if ledger is None:
            return ()
        rows = ledger.execute(
            "select hour, received, landed, quarantined, duplicate, rejected_readings from counts"
            " where device_id = ? order by hour",
            (device_id,),
        )
        return tuple(HourAudit(*row) for row in rows)


def _pending(home: Home) -> Iterator[tuple[str, int]]:
    """Segments in the WAL, with the messages that are safely in them."""
    for path in sorted([*home.wal.glob("*.wal"), *home.wal.glob("*.open")]):
        try:
            yield path.stem, _messages(home, path)
        except FileNotFoundError:
            continue  # sealed or landed while we looked


def _messages(home: Home, path: Path) -> int:
    end = None
    if path.suffix == ".open":
        name = parse_name(path.stem)
        mark = read_committed(home.wal, name.collector) if name else None
        end = mark.offset if mark and mark.segment == path.stem else None
    counted: Counter[int] = Counter(Intake(path).arrivals(end))
    return counted.total()
