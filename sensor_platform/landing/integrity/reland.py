"""Relands segments from the raw archive under the contracts in force now.

Segments whose rows were compacted into one file are relanded together. Rows of such a file whose segment has no archive
any more stay as they are, in a file of their own. The caller holds the warehouse's writer lock, as for compaction.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.files.compaction import merge_rest
from sensor_platform.landing.forget.carried import carried_readings
from sensor_platform.landing.forget.standing import standing_rules
from sensor_platform.landing.integrity.damage import DamagedFile, restore_files
from sensor_platform.landing.integrity.raw_copies import (
    ContractsInForce,
    is_reconciled,
    put_back_reconciled,
    raw_file,
    segment_of,
    segments_of,
)
from sensor_platform.landing.integrity.reland_intent import LostFile, RelandIntent, carry_out, finish_intents
from sensor_platform.landing.lander_lock import with_changes_lock
from sensor_platform.landing.ledger.commit import load_memory
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    Manifest,
    compaction_path,
    manifest_path,
    read_compaction,
    read_manifest,
)
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.ledger.schema import open_ledger
from sensor_platform.landing.stage import stage_segment
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.wal import DamagedSegment


def contracts_of(
    contracts: Sequence[Contract], config: LandingConfig, start: date, slot_minutes: int
) -> ContractsInForce:
    """The contracts in force by the site's configuration."""
    from sensor_platform.landing.open_lander import limits_of
    from sensor_platform.reading.decode import Decoder

    decoder = Decoder(contracts, limits_of(config, start))
    return ContractsInForce(decoder, contract_version(contracts), slot_minutes * MINUTE)


@dataclass(frozen=True, slots=True)
class Relanded:
    """Result of a reland."""

    segments: int
    messages: int
    readings: int
    readings_before: int
    restored: tuple[str, ...]
    """Files that were missing and are restored bit for bit."""
    skipped: tuple[str, ...]
    """Segments in range that stay as they were landed: their archive is gone or damaged, or their quarantine was
    requeued or dropped by hand."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Segments that must be relanded together."""

    segments: tuple[str, ...]
    compaction: str | None = None


def reland(
    home: Home,
    contracts: ContractsInForce,
    clock: Callable[[], int],
    days: tuple[date, date] | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    only: Sequence[str] | None = None,
) -> Relanded:
    """Reland the segments that the raw archive has, under the lock of changes.

    Args:
        home: the data folder.
        contracts: in force now.
        clock: microseconds since the epoch, UTC.
        days: days of arrival, both included; None for all.
        say: receives the number of finished segments and the total.
        only: segments; None for all of the days.

    Raises:
        CheckFailed: a manifest is damaged.
        Unreachable: an import, a requeue or housekeeping works on this home.
    """
    with with_changes_lock(home, "reland"), open_ledger(home) as ledger:
        finish_intents(home, ledger)
        wanted = set(_archived(home, ledger, days)) if only is None else set(only)
        contracts.decoder.memory = load_memory(ledger)  # births that arrived before the archive begins
        put_back_reconciled(home, ledger, wanted, contracts, clock)
        restored = restore_files(home, ledger)
        contracts.decoder.memory = load_memory(ledger)
        units = list(_units(home, ledger, wanted))
        total = sum(len(unit.segments) for unit in units)
        done: list[tuple[Manifest, Manifest]] = []
        skipped: list[str] = []
        for unit in units:
            pairs, left = _land_unit(home, ledger, unit, contracts, clock)
            done += pairs
            skipped += left
            say(len(done) + len(skipped), total)
    return Relanded(
        segments=len(done),
        messages=sum(new.messages for _, new in done),
        readings=sum(new.readings for _, new in done),
        readings_before=sum(old.readings for old, _ in done),
        restored=tuple(restored),
        skipped=tuple(skipped),
    )


def _archived(home: Home, ledger: sqlite3.Connection, days: tuple[date, date] | None) -> Iterator[str]:
    """Archived segments of these days, without those that still have a WAL: the lander finishes them."""
    rows = ledger.execute("select segment, file from files where kind = 'raw' and replaced_at is null order by file")
    for segment, file in rows.fetchall():
        day = date.fromisoformat(file.split("/")[-2])
        is_wanted = days is None or days[0] <= day <= days[1]
        if is_wanted and not (home.wal / f"{segment}.wal").exists():
            yield segment


def _units(home: Home, ledger: sqlite3.Connection, wanted: set[str]) -> Iterator[Unit]:
    """The wanted segments, each with the others that were compacted into the same file."""
    left = set(wanted)
    for path in sorted((home.ledger / "compactions").glob("*.json")):
        compaction = read_compaction(path)
        members = [segment_of(Path(file).stem) for file in compaction.replaces]
        if left.isdisjoint(members) or not _is_in_use(ledger, compaction.file.file):
            continue
        yield Unit(tuple(dict.fromkeys(members)), compaction.name)
        left.difference_update(members)
    yield from (Unit((segment,)) for segment in sorted(left))


def _is_in_use(ledger: sqlite3.Connection, file: str) -> bool:
    """Visible, or set aside as damaged."""
    found = ledger.execute(
        "select 1 from files where file = ? and replaced_at is null union select 1 from damaged_files where file = ?",
        (file, file),
    )
    return found.fetchone() is not None


def _land_unit(
    home: Home, ledger: sqlite3.Connection, unit: Unit, contracts: ContractsInForce, clock: Callable[[], int]
) -> tuple[list[tuple[Manifest, Manifest]], list[str]]:
    now = next_commit_time(ledger, clock())
    pairs: list[tuple[Manifest, Manifest]] = []
    skipped: list[str] = []
    for segment in unit.segments:
        made = _stage(home, ledger, segment, contracts, now + len(pairs))
        if made is None:
            skipped.append(segment)
        else:
            pairs.append(made)
    if not pairs:
        return [], skipped
    rest, lost = _rest(home, unit, skipped, contracts.slot, now)
    intent = RelandIntent(
        name=f"{unit.segments[0]}~{now}",
        written_at=now,
        old=tuple(old for old, _ in pairs),
        new=tuple(new for _, new in pairs),
        retired=_file_of(home, unit),
        compactions=(unit.compaction,) if unit.compaction else (),
        rest=rest,
        lost=lost,
    )
    carry_out(home, ledger, intent)
    return pairs, skipped


def _stage(
    home: Home, ledger: sqlite3.Connection, segment: str, contracts: ContractsInForce, now: int
) -> tuple[Manifest, Manifest] | None:
    """The old manifest and the new one, of files made beside the old ones; None without an archive."""
    raw = raw_file(home, ledger, segment)
    path = manifest_path(home, segment)
    if raw is None or not path.exists() or (home.wal / f"{segment}.wal").exists():
        return None
    old = read_manifest(path)
    if is_reconciled(ledger, old):
        return None
    try:
        new = stage_segment(
            home,
            raw,
            contracts.decoder,
            contracts.version,
            contracts.slot,
            lambda: now,
            suffix=f"~{now}",
            forgets=standing_rules(ledger),
            carried=lambda positions: carried_readings(home, ledger, old, positions, contracts.slot),
        )
    except (DamagedSegment, OSError):
        return None
    archive = tuple(entry for entry in old.files if entry.kind == "raw")
    return old, msgspec.structs.replace(new, files=(*new.files, *archive))


def _file_of(home: Home, unit: Unit) -> tuple[str, ...]:
    if unit.compaction is None:
        return ()
    return (read_compaction(compaction_path(home, unit.compaction)).file.file,)


def _rest(
    home: Home, unit: Unit, skipped: list[str], slot: int, now: int
) -> tuple[CompactionManifest | None, tuple[LostFile, ...]]:
    """Rows of a compacted file whose segments have no archive: in a file of their own, or lost with it."""
    if unit.compaction is None or not skipped:
        return None, ()
    compaction = read_compaction(compaction_path(home, unit.compaction))
    if (home.root / compaction.file.file).exists():
        taken = [segment for segment in unit.segments if segment not in skipped]
        return merge_rest(home, compaction, taken, slot, now), ()
    manifests = [read_manifest(manifest_path(home, segment)) for segment in skipped]
    entries = ((manifest.segment, entry) for manifest in manifests for entry in manifest.files)
    return None, tuple(LostFile(segment=segment, entry=entry) for segment, entry in entries if entry.kind == "landing")


def mend(home: Home, files: Sequence[DamagedFile], contracts: ContractsInForce, clock: Callable[[], int]) -> Relanded:
    """Reland the segments of damaged landing and quarantine files, as far as the archive has them."""
    wanted = {segment for each in files if each.kind != "raw" for segment in segments_of(home, each.file)}
    return reland(home, contracts, clock, only=sorted(wanted))
