"""Traces a row of any table to its readings, their landing files, and the messages that they came in.

Reads landing files and the raw archive, never the warehouse: it needs no lock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE, from_micros, to_micros, utc_from_micros
from sensor_platform.landing.integrity.raw_copies import raw_file
from sensor_platform.landing.ledger import LandingFile, landing_files, read_ledger, slots_between
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import Batch, envelope_of, open_segment, read_batches
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.lineage import READINGS, Model, models, tiers


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of one reading."""

    event_at: datetime
    """Aware UTC, as `received_at`."""
    received_at: datetime
    metric: str
    value: float | None
    text: str | None
    topic: str
    message_id: str | None
    file: str
    """Landing file, relative to home."""
    segment: str
    position: int
    """Ordinal of the message in the segment."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it arrived, and where its frame lies in the uncompressed segment."""

    file: str
    """Segment in the WAL or the raw archive, relative to home."""
    frame_start: int
    frame_end: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Trace:
    """Readings and messages that a row was made from."""

    table: str
    window_start: datetime
    """Aware UTC; the row's window, or for readings_clean the moment itself."""
    window_end: datetime
    total: int
    """Readings in the window, duplicates included."""
    origins: tuple[Origin, ...]
    """The first of them."""
    messages: dict[tuple[str, int], Message]
    """Segment and position to the message, while WAL or archive has it."""


def trace(
    home: Home, site: WarehouseSite, table: str, device_id: str, metric: str | None, at: datetime, most: int = 20
) -> Trace:
    """Trace a row.

    Args:
        home: the data folder.
        site: slot length.
        table: any table of the warehouse.
        device_id: of the row.
        metric: of the row; None for tables without one.
        at: any moment in the row's window, aware UTC; for readings_clean its `event_at`.
        most: readings that are shown.

    Raises:
        WrongUse: there is no such table, or no reading.
    """
    start, end = window_of(table, at, site.slot_minutes * MINUTE)
    with read_ledger(home) as ledger:
        day = start - start % DAY
        slots = slots_between(ledger, day - DAY, end) if ledger else {}
        slot = site.slot_minutes * MINUTE
        wanted = [each for each in slots if start - slot < each < end]
        files = landing_files(ledger, home, wanted) if ledger else []
        total, origins = _readings(home, files, device_id, metric, start, end, most)
        if not total:
            raise WrongUse(
                f"no reading of {device_id!r} {metric or ''} lies in {from_micros(start)}..{from_micros(end)} UTC",
                "check device, metric and time (UTC); below the landing floor there is nothing left to trace to",
            )
        segments = {origin.segment: _segment_file(home, ledger, origin.segment) for origin in origins} if ledger else {}
    messages: dict[tuple[str, int], Message] = {}
    for segment, path in segments.items():
        if path is not None:
            positions = {origin.position for origin in origins if origin.segment == segment}
            messages |= {(segment, found.envelope.position): found for found in _messages(home, path, positions)}
    return Trace(table, _aware(start), _aware(end), total, origins, messages)


def window_of(table: str, at: datetime, slot: int) -> tuple[int, int]:
    """[start, end) in microseconds of the readings that a row is made of."""
    moment = to_micros(at)
    if table == READINGS:
        return moment, moment + 1
    seconds = tiers().get(table)
    size = seconds * 1_000_000 if seconds else _size(_model(table), slot)
    return moment - moment % size, moment - moment % size + size


def _model(table: str) -> Model:
    known = {name: model for name, model in models().items() if model.builder != "publish"}
    if table not in known:
        raise WrongUse(f"there is no table {table!r}", f"choose from {', '.join(sorted(known))}")
    return known[table]


def _size(model: Model, slot: int) -> int:
    """In a table that is rebuilt as one the newest day is shown, because it is made from all readings."""
    return model.size(slot) or DAY


def _readings(
    home: Home, files: Sequence[LandingFile], device_id: str, metric: str | None, start: int, end: int, most: int
) -> tuple[int, tuple[Origin, ...]]:
    if not files:
        return 0, ()
    import polars as pl

    within = pl.col("event_at").is_between(from_micros(start), from_micros(end), closed="left")
    parts = []
    for file in files:
        rows = pl.scan_parquet(file.path, hive_partitioning=False).filter(pl.col("device_id") == device_id, within)
        if metric is not None:
            rows = rows.filter(pl.col("metric") == metric)
        name = str(file.path.relative_to(home.root))
        parts.append(rows.with_columns(file=pl.lit(name)).collect())
    found = pl.concat(parts).sort("event_at", "received_at", "segment", "position")
    return len(found), tuple(_origin(row) for row in found.head(most).iter_rows(named=True))


def _origin(row: dict[str, Any]) -> Origin:
    return Origin(
        event_at=row["event_at"].replace(tzinfo=UTC),
        received_at=row["received_at"].replace(tzinfo=UTC),
        metric=row["metric"],
        value=row["value"],
        text=row["text"],
        topic=row["topic"],
        message_id=row["message_id"],
        file=row["file"],
        segment=row["segment"],
        position=row["position"],
    )


def _segment_file(home: Home, ledger: Any, segment: str) -> Path | None:  # noqa: ANN401 - a connection
    sealed = home.wal / f"{segment}.wal"
    return sealed if sealed.exists() else raw_file(home, ledger, segment)


def _messages(home: Home, path: Path, positions: set[int]) -> Iterator[Message]:
    """The given messages of a segment; damaged ranges are skipped."""
    last = max(positions)
    start = _first_frame(path)
    for batch in read_batches(path, damage=[]):
        yield from _of_batch(home, path, batch, positions, start)
        start = batch.end
        if batch.position + len(batch) > last:
            return


def _of_batch(home: Home, path: Path, batch: Batch, positions: set[int], start: int) -> Iterator[Message]:
    name = str(path.relative_to(home.root))
    segment = path.name.rpartition(".")[0]
    for index in range(len(batch)):
        if batch.position + index in positions:
            yield Message(name, start, batch.end, envelope_of(batch, index, segment))


def _first_frame(path: Path) -> int:
    """Where the first frame after the header starts."""
    from sensor_platform.wal import HEAD_BYTES, FrameKind, read_frame

    with open_segment(path) as file:
        first = read_frame(file)
    return HEAD_BYTES + len(first[1]) if isinstance(first, tuple) and first[0] == FrameKind.HEADER else 0


def _aware(at: int) -> datetime:
    return utc_from_micros(at)
