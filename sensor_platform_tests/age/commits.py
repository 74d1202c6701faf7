"""The commits of one hour of an aged home: rows of the ledger, and the bundle of their manifests."""

import hashlib
import sqlite3
from collections.abc import Sequence

import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, MINUTE, utc_from_micros
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.files.parquet import write_landing, write_quarantine
from sensor_platform.landing.ledger.manifest import COUNTS, CompactionManifest, FileEntry, FileKind, Manifest
from sensor_platform.landing.ledger.slot_positions import next_position
from sensor_platform.landing.ledger.summing import remember_bundled
from sensor_platform.landing.manifests.bundle_paths import hour_key
from sensor_platform.landing.manifests.bundle_writing import write_bundle
from sensor_platform.landing.manifests.bundles import Bundle
from sensor_platform.landing.manifests.counts_table import SCHEMA
from sensor_platform_tests.age.plan import SEGMENT, SEGMENTS, AgePlan, committed_at, segment_of

_SUMS = ("received", "landed", "quarantined")


def counts_of(plan: AgePlan, hour: int, readings: pl.DataFrame) -> pl.DataFrame:
    """Messages by segment and device of an hour, as the sidecar of a bundle has them."""
    landed = readings.group_by("segment", "device_id").agg(landed=pl.len().cast(pl.Int64))
    garbage = pl.DataFrame({"segment": names_of(plan, hour), "device_id": UNKNOWN_DEVICE, "quarantined": 1})
    table = pl.concat([landed, garbage], how="diagonal").with_columns(pl.col("landed", "quarantined").fill_null(0))
    full = table.with_columns(
        hour=pl.lit(hour),
        received=pl.col("landed") + pl.col("quarantined"),
        **{name: pl.lit(0) for name in COUNTS if name not in _SUMS},
        **{name: pl.lit(None, pl.Int64) for name in ("first_sequence", "last_sequence")},
        sequences=pl.lit([], pl.List(pl.Int64)),
    )
    return full.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def names_of(plan: AgePlan, hour: int) -> list[str]:
    """Names of the segments of an hour."""
    return [segment_of(plan, hour + number * SEGMENT) for number in range(SEGMENTS)]


def write_commits(
    home: Home,
    ledger: sqlite3.Connection,
    plan: AgePlan,
    hour: int,
    readings: pl.DataFrame,
    made: list[CompactionManifest],
) -> int:
    """Write an hour's rows of segments and its bundle, in the caller's transaction; returns the newest position."""
    counts = counts_of(plan, hour, readings)
    manifests = list(_manifests(plan, hour, readings, counts))
    bundle = Bundle({each.segment: each for each in manifests}, {each.name: each for each in made}, counts)
    write_bundle(home, hour_key(hour), bundle)
    remember_bundled(ledger, [(each.name, each.written_at) for each in made])
    first = next_position(ledger)
    ledger.executemany(
        "insert into segments (segment, position, committed_at, contract_version, messages, landed, quarantined,"
        " duplicate, readings, rejected_readings, newest_event_at) values (?, ?, ?, ?, ?, ?, ?, 0, ?, 0, ?)",
        [
            (
                m.segment,
                first + n,
                m.written_at,
                m.contract_version,
                m.messages,
                m.landed,
                m.quarantined,
                m.readings,
                m.newest_event_at,
            )
            for n, m in enumerate(manifests)
        ],
    )
    _insert_counts(ledger, hour, counts)
    return first + SEGMENTS - 1


def _insert_counts(ledger: sqlite3.Connection, hour: int, counts: pl.DataFrame) -> None:
    by_device = counts.group_by("device_id").agg(pl.col(_SUMS).sum())
    ledger.executemany(
        "insert into counts (hour, device_id, received, landed, quarantined, duplicate, rejected_readings)"
        " values (?, ?, ?, ?, ?, 0, 0)",
        [(hour, *row) for row in by_device.iter_rows()],
    )
    sums = by_device.select(pl.col(_SUMS).sum()).row(0)
    ledger.execute("insert into arrivals (hour, received, landed, quarantined) values (?, ?, ?, ?)", (hour, *sums))


def _manifests(plan: AgePlan, hour: int, readings: pl.DataFrame, counts: pl.DataFrame) -> list[Manifest]:
    """The manifests of the segments, without their counts. Their files are gone, or named by checksums made up."""
    sums = {row[0]: row[1:] for row in counts.group_by("segment").agg(pl.col(_SUMS).sum()).iter_rows()}
    slots = readings.group_by("segment", "slot_start").len().sort("slot_start").group_by("segment", maintain_order=True)
    of_segment = {
        name: dict(zip(starts, rows, strict=True)) for name, starts, rows in slots.agg("slot_start", "len").iter_rows()
    }
    newest = dict(readings.group_by("segment").agg(pl.col("event_at").cast(pl.Int64).max()).iter_rows())
    return [
        _manifest(hour + number * SEGMENT, hour, name, sums[name], of_segment.get(name, {}), newest.get(name))
        for number, name in enumerate(names_of(plan, hour))
    ]


def _manifest(
    at: int, hour: int, name: str, sums: tuple[int, int, int], slots: dict[int, int], newest: int | None
) -> Manifest:
    _, landed, quarantined = sums
    day = f"{utc_from_micros(hour):%Y-%m-%d}"
    files = [
        _file(f"quarantine/{day}/{name}.parquet", "quarantine", quarantined),
        _file(f"raw/{day}/{name}.zst", "raw", 0),
    ]
    if landed:
        files.insert(0, _file(f"landing/{day}/{name}.parquet", "landing", landed, slots))
    return manifest_of(name, committed_at(at), hour, sums, files, newest)


def manifest_of(
    name: str, at: int, hour: int, sums: tuple[int, int, int], files: Sequence[FileEntry], newest: int | None
) -> Manifest:
    """The manifest of a segment without its counts, which the bundle has. `sums`: received, landed, quarantined."""
    received, landed, quarantined = sums
    return Manifest(
        segment=name,
        written_at=at,
        contract_version="0123456789abcdef",
        messages=received,
        landed=landed,
        quarantined=quarantined,
        duplicate=0,
        readings=landed,
        rejected_readings=0,
        newest_event_at=newest,
        files=tuple(files),
        counts=(),
        arrivals={hour: received},
    )


def write_files(home: Home, plan: AgePlan, hour: int, readings: pl.DataFrame, refused: pl.DataFrame) -> list[FileEntry]:
    """Write the compacted files of an hour: landing, then quarantine."""
    day = f"{utc_from_micros(hour):%Y-%m-%d}"
    landed, rejected = (compaction_of(plan, hour, kind) for kind in ("landing", "quarantine"))
    return [
        write_landing(home, home.landing / day / f"{landed}.parquet", readings),
        write_quarantine(home, home.quarantine / day / f"{rejected}.parquet", refused),
    ]


def compactions_of(plan: AgePlan, hour: int, entries: Sequence[FileEntry]) -> list[CompactionManifest]:
    """The manifests of the compacted files of an hour."""
    at = hour + HOUR + MINUTE
    return [
        CompactionManifest(name=compaction_of(plan, hour, entry.kind), written_at=at, file=entry, replaces=())
        for entry in entries
    ]


def compaction_of(plan: AgePlan, hour: int, kind: str) -> str:
    """Name of the compacted file of an hour."""
    return "compact-" + hashlib.sha256(f"{kind}/{segment_of(plan, hour)}".encode()).hexdigest()[:32]


def _file(file: str, kind: FileKind, rows: int, slots: dict[int, int] | None = None) -> FileEntry:
    digest = hashlib.sha256(file.encode()).hexdigest()
    return FileEntry(file=file, kind=kind, rows=rows, bytes=4_000, sha256=digest, slots=slots or {})
