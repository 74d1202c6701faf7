"""A day of an aged home whose raw archive has expired, as housekeeping leaves it: one bundle, one file of counts.

It says what `history.write_hour` and `bundling.merge_days` say together, 20 times faster: the manifests of a day are
made as text, column by column. `test_age.py` compares the two.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence

import msgspec
import polars as pl
import zstandard

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.durable import write_file
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger.file_rows import insert_file
from sensor_platform.landing.ledger.manifest import COUNTS, CompactionManifest, FileEntry, FileKind
from sensor_platform.landing.ledger.slot_positions import next_position, touch_slots
from sensor_platform.landing.ledger.summing import remember_bundled
from sensor_platform.landing.manifests.bundle_paths import bundle_path, day_key
from sensor_platform.landing.manifests.bundles import BundleHeader
from sensor_platform.landing.manifests.count_files import counts_file
from sensor_platform.landing.manifests.counts_table import SCHEMA, summed, write_counts
from sensor_platform.wal import parse_name
from sensor_platform_tests.age.commits import compactions_of, manifest_of, write_files
from sensor_platform_tests.age.frames import garbage, readings
from sensor_platform_tests.age.plan import SEGMENT, SEGMENTS, AgePlan, segment_of

_LEVEL = 9
"""Of compression, as bundles have it."""
_NUMBERS = {"at": 7_000_000_000_000_001, "hour": 7_000_000_000_000_002, "newest": 7_000_000_000_000_003}
_NUMBERS |= {"received": 7_000_000_000_000_004, "landed": 7_000_000_000_000_005}
"""Numbers in the text of a manifest that stand for columns."""


def write_old_day(home: Home, ledger: sqlite3.Connection, plan: AgePlan, hours: Sequence[int]) -> None:
    """Write the hours of one UTC day."""
    frame = readings(plan, hours).with_columns(hour=pl.col("received_at").cast(pl.Int64) // HOUR * HOUR)
    by_hour = {hour: part.drop("hour") for (hour,), part in frame.partition_by("hour", as_dict=True).items()}
    refused = garbage(plan, hours)
    entries: dict[int, list[FileEntry]] = {}
    for number, hour in enumerate(hours):
        entries[hour] = write_files(home, plan, hour, by_hour[hour], refused.slice(number * SEGMENTS, SEGMENTS))
    made = {hour: compactions_of(plan, hour, found) for hour, found in entries.items()}
    segments = _segments(plan, hours, frame)
    _write_bundle(home, day_key(hours[0]), segments, [each for some in made.values() for each in some])
    counts = _counts(frame, hours)
    write_counts(counts_file(home, hours[0] // DAY * DAY), counts)
    with transaction(ledger):
        _insert(ledger, hours, segments, counts)
        position = next_position(ledger) - 1
        for hour in hours:
            position += SEGMENTS
            for each in made[hour]:
                insert_file(ledger, each.name, each.file)
            remember_bundled(ledger, [(each.name, each.written_at) for each in made[hour]])
            touch_slots(ledger, entries[hour][0].slots, position)


def _segments(plan: AgePlan, hours: Sequence[int], frame: pl.DataFrame) -> pl.DataFrame:
    """One row for each segment: name, at, hour, landed, received, newest (event) and slots as JSON."""
    starts = [hour + number * SEGMENT for hour in hours for number in range(SEGMENTS)]
    slots = frame.group_by("segment", "slot_start").len().sort("segment", "slot_start")
    text = slots.group_by("segment").agg(slots=pl.format('"{}":{}', "slot_start", "len").str.join(","))
    sums = frame.group_by("segment").agg(landed=pl.len(), newest=pl.col("event_at").cast(pl.Int64).max())
    names = pl.DataFrame({"segment": [segment_of(plan, at) for at in starts], "start": starts})
    return (
        names.join(sums, on="segment", how="left", maintain_order="left")
        .join(text, on="segment", how="left", maintain_order="left")
        .with_columns(pl.col("landed").fill_null(0), at=pl.col("start") + SEGMENT - 1)
        .with_columns(hour=pl.col("start") // HOUR * HOUR, received=pl.col("landed") + 1)
    )


def _write_bundle(home: Home, day: str, segments: pl.DataFrame, made: Sequence[CompactionManifest]) -> None:
    lines = segments.select(
        pl.when(pl.col("landed") > 0).then(_line(day, has_rows=True)).otherwise(_line(day, has_rows=False))
    ).to_series()
    compactions = sorted(made, key=lambda each: (each.written_at, each.name))
    content = [msgspec.json.encode(BundleHeader()), *(line.encode() for line in lines)]
    content += [b"c" + msgspec.json.encode(each) for each in compactions]
    packed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(b"\n".join(content))
    write_file(bundle_path(home, day), packed)


def _line(day: str, *, has_rows: bool) -> pl.Expr:
    """The line of a manifest without the checksums of files that are gone, for the columns of `_segments`."""
    files = [_gone(f"landing/{day}/@segment@.parquet", "landing", _NUMBERS["landed"])] if has_rows else []
    files += [
        _gone(f"quarantine/{day}/@segment@.parquet", "quarantine", 1),
        _gone(f"raw/{day}/@segment@.zst", "raw", 0),
    ]
    sums = (_NUMBERS["received"], _NUMBERS["landed"] if has_rows else 0, 1)
    manifest = manifest_of("@segment@", _NUMBERS["at"], _NUMBERS["hour"], sums, files, _NUMBERS["newest"])
    text = "m" + msgspec.json.encode(manifest).decode()
    for name, number in _NUMBERS.items():
        text = text.replace(str(number), f"@{name}@")
    text = text.replace('"slots":{}', '"slots":{@slots@}', 1)
    pieces = re.split("@(\\w+)@", text)
    columns = {"newest": pl.col("newest").cast(pl.String).fill_null("null"), "slots": pl.col("slots").fill_null("")}
    return pl.concat_str(
        [columns.get(piece, pl.col(piece)) if place % 2 else pl.lit(piece) for place, piece in enumerate(pieces)]
    )


def _gone(file: str, kind: FileKind, rows: int) -> FileEntry:
    return FileEntry(file=file, kind=kind, rows=rows, bytes=0, sha256="")


def _counts(frame: pl.DataFrame, hours: Sequence[int]) -> pl.DataFrame:
    """Messages by hour and device, as `counts_table.summed` has them."""
    landed = frame.group_by("hour", "device_id").agg(landed=pl.len().cast(pl.Int64))
    refused = pl.DataFrame({"hour": hours, "device_id": UNKNOWN_DEVICE, "quarantined": SEGMENTS})
    table = pl.concat([landed, refused], how="diagonal").with_columns(pl.col("landed", "quarantined").fill_null(0))
    known: Mapping[str, pl.Expr] = {
        "segment": pl.lit(""), "received": pl.col("landed") + pl.col("quarantined"),
        "sequences": pl.lit([], pl.List(pl.Int64)),
    }  # fmt: skip
    zero = {name: pl.lit(0) for name in COUNTS if name not in {*known, "landed", "quarantined"}}
    none = {name: pl.lit(None) for name in ("first_sequence", "last_sequence")}
    full = table.with_columns(**known, **zero, **none)
    return summed(full.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()))


def _insert(ledger: sqlite3.Connection, hours: Sequence[int], segments: pl.DataFrame, counts: pl.DataFrame) -> None:
    """What the ledger keeps of a day that was summed up."""
    day = hours[0] // DAY
    landed, received = segments["landed"].sum(), segments["received"].sum()
    ledger.execute(
        "insert into commit_days values (?, ?, ?, ?, ?, 0, 0, ?, 0, ?)",
        (day, len(segments), received, landed, len(segments), landed, segments["newest"].max()),
    )
    ledger.execute("insert into summed_days (day) values (?)", (day * DAY,))
    first, last = (parse_name(segments["segment"][place]) for place in (0, -1))
    assert first
    assert last
    stem = f"{first.collector}-{first.boot:013d}"
    ledger.execute("insert into segment_ranges values (?, ?, ?, ?)", (stem, first.seq, last.seq, day * DAY))
    ledger.executemany("insert into count_hours (hour, day) values (?, ?)", [(hour, day * DAY) for hour in hours])
    sums = counts.group_by("hour").agg(pl.col("received", "landed", "quarantined").sum()).sort("hour")
    ledger.executemany(
        "insert into arrivals (hour, received, landed, quarantined) values (?, ?, ?, ?)", sums.iter_rows()
    )
