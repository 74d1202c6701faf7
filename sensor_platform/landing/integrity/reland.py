"""Relands segments from the raw archive under the contracts in force now.

A segment's new result takes the place of all that it had: also of what was requeued. Rows of compacted files that are
of other segments stay as they are, in a file of their own. A segment with dropped rows stays as a person left it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.files.compaction import rows_of, write_rest
from sensor_platform.landing.forget.carried import carried_readings
from sensor_platform.landing.forget.standing import standing_rules
from sensor_platform.landing.integrity.damage import DamagedFile, restore_files
from sensor_platform.landing.integrity.kept_facts import with_kept_facts
from sensor_platform.landing.integrity.raw_copies import (
    ContractsInForce,
    has_dropped,
    put_back_reconciled,
    raw_file,
    segments_of,
)
from sensor_platform.landing.integrity.reland_change import SegmentChange, change_of
from sensor_platform.landing.integrity.reland_intent import LostFile, RelandIntent, carry_out, finish_intents
from sensor_platform.landing.integrity.reland_units import Unit, units
from sensor_platform.landing.integrity.segment_state import SegmentState, read_state
from sensor_platform.landing.integrity.shared_files import RowFiles, read_rows
from sensor_platform.landing.lander_lock import with_changes_lock
from sensor_platform.landing.ledger.decoder_memory import load_memory
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    Manifest,
)
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.ledger.schema import open_ledger
from sensor_platform.landing.ledger.visible_files import is_visible
from sensor_platform.landing.manifests.manifest_store import find_manifest, need_compaction
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
    """Segments in range that stay as they were landed: their archive is gone or damaged, or rows of them were dropped
    by hand, or they would lose readings and may not."""


@dataclass(slots=True)
class _Reland:
    """What the steps of one reland share."""

    home: Home
    ledger: sqlite3.Connection
    contracts: ContractsInForce
    clock: Callable[[], int]
    may_lose: bool
    files: RowFiles


def reland(
    home: Home,
    contracts: ContractsInForce,
    clock: Callable[[], int],
    days: tuple[date, date] | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    only: Sequence[str] | None = None,
    *,
    may_lose: bool = True,
) -> Relanded:
    """Reland the segments that the raw archive has, under the lock of changes.

    Args:
        home: the data folder.
        contracts: in force now.
        clock: microseconds since the epoch, UTC.
        days: days of arrival, both included; None for all.
        say: receives the number of finished segments and the total.
        only: segments; None for all of the days.
        may_lose: whether messages may give fewer readings than before; otherwise their segments stay as they are.

    Raises:
        CheckFailed: a manifest is damaged, or a landing file cannot be read.
        Unreachable: an import, a requeue or housekeeping works on this home.
    """
    with with_changes_lock(home, "reland"), open_ledger(home) as ledger:
        finish_intents(home, ledger)
        wanted = set(_archived(home, ledger, days)) if only is None else set(only)
        contracts.decoder.memory = load_memory(ledger)  # births that arrived before the archive begins
        put_back_reconciled(home, ledger, wanted, contracts, clock)
        restored = restore_files(home, ledger)
        contracts.decoder.memory = load_memory(ledger)
        work = _Reland(home, ledger, contracts, clock, may_lose, RowFiles(home, ledger))
        found = list(units(home, ledger, wanted, work.files))
        total = sum(len(unit.segments) for unit in found)
        done: list[tuple[Manifest, Manifest]] = []
        skipped: list[str] = []
        for unit in found:
            pairs, left = _land_unit(work, unit)
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


def plan_reland(
    home: Home, contracts: ContractsInForce, clock: Callable[[], int], days: tuple[date, date] | None = None
) -> Iterator[SegmentChange]:
    """What `reland` would change, segment by segment. The files are made on trial and deleted again.

    Args:
        home: the data folder.
        contracts: in force now.
        clock: microseconds since the epoch, UTC.
        days: days of arrival, both included; None for all.
    """
    with with_changes_lock(home, "reland"), open_ledger(home) as ledger:
        finish_intents(home, ledger)
        contracts.decoder.memory = load_memory(ledger)
        work = _Reland(home, ledger, contracts, clock, may_lose=True, files=RowFiles(home, ledger))
        for segment in sorted(_archived(home, ledger, days)):
            made = _stage(work, segment, next_commit_time(ledger, clock()))
            if made is not None:
                state, new = made
                change = change_of(state.whole, work.files, _landed(home, new))
                _unmake(home, new)
                yield change


def _archived(home: Home, ledger: sqlite3.Connection, days: tuple[date, date] | None) -> Iterator[str]:
    """Archived segments of these days, without those that still have a WAL: the lander finishes them."""
    rows = ledger.execute("select segment, file from files where kind = 'raw' and replaced_at is null order by file")
    for segment, file in rows.fetchall():
        day = date.fromisoformat(file.split("/")[-2])
        is_wanted = days is None or days[0] <= day <= days[1]
        if is_wanted and not (home.wal / f"{segment}.wal").exists():
            yield segment


def _ready(home: Home, ledger: sqlite3.Connection, segment: str) -> tuple[SegmentState, Path] | None:
    """A segment that can be landed again, with its archive."""
    raw = raw_file(home, ledger, segment)
    if raw is None or (home.wal / f"{segment}.wal").exists():
        return None
    state = read_state(home, ledger, segment)
    return None if state is None or has_dropped(state.whole) else (state, raw)


def _land_unit(work: _Reland, unit: Unit) -> tuple[list[tuple[Manifest, Manifest]], list[str]]:
    now = next_commit_time(work.ledger, work.clock())
    pairs: list[tuple[SegmentState, Manifest]] = []
    skipped: list[str] = []
    for segment in unit.segments:
        made = _stage(work, segment, now + len(pairs))
        if made is None:
            skipped.append(segment)
        else:
            pairs.append(made)
    if not pairs:
        return [], skipped
    taken = [state.segment for state, _ in pairs]
    compactions = [need_compaction(work.home, work.ledger, name) for name in unit.compactions]
    rests = [_rest(work, each, taken, now) for each in compactions]
    intent = RelandIntent(
        name=f"{unit.segments[0]}~{now}",
        written_at=now,
        old=tuple(old for state, _ in pairs for old in state.manifests),
        new=tuple(manifest for state, new in pairs for manifest in state.replaced_by(new)),
        retired=tuple(each.file.file for each in compactions),
        compactions=unit.compactions,
        rests=tuple(rest for rest in rests if rest is not None),
        lost=tuple(lost for each in compactions for lost in _lost(work, each, skipped)),
    )
    carry_out(work.home, work.ledger, intent)
    return [(state.whole, new) for state, new in pairs], skipped


def _stage(work: _Reland, segment: str, now: int) -> tuple[SegmentState, Manifest] | None:
    """What a segment was and its new manifest, of files made beside the old ones; None where it stays as it is."""
    home, contracts = work.home, work.contracts
    ready = _ready(home, work.ledger, segment)
    if ready is None:
        return None
    state, raw = ready
    old = state.whole
    try:
        new = stage_segment(
            home,
            raw,
            contracts.decoder,
            contracts.version,
            contracts.slot,
            lambda: now,
            suffix=f"~{now}",
            forgets=standing_rules(work.ledger),
            carried=lambda positions: carried_readings(home, work.ledger, old, positions, contracts.slot),
        )
    except (DamagedSegment, OSError):
        return None
    if not work.may_lose and change_of(old, work.files, _landed(home, new)).lost:
        _unmake(home, new)
        return None
    archive = tuple(entry for entry in old.files if entry.kind == "raw")
    return state, with_kept_facts(structs.replace(new, files=(*new.files, *archive)), old)


def _unmake(home: Home, new: Manifest) -> None:
    """Delete the files of a trial; the archive is not one of them."""
    for entry in new.files:
        if entry.kind != "raw":
            (home.root / entry.file).unlink(missing_ok=True)


def _landed(home: Home, manifest: Manifest) -> pl.DataFrame:
    """The readings of a staged segment, as far as they are compared."""
    frames = [
        read_rows(home.root / entry.file, ["position", "device_id", "metric"])
        for entry in manifest.files
        if entry.kind == "landing"
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def _rest(work: _Reland, compaction: CompactionManifest, taken: list[str], now: int) -> CompactionManifest | None:
    """Rows of a compacted file that are of other segments, in a file of their own; None where it is damaged."""
    file = compaction.file.file
    if not is_visible(work.ledger, file) or not (work.home.root / file).exists():
        return None
    others = rows_of(work.home, compaction).filter(~pl.col("segment").is_in(taken))
    return write_rest(work.home, compaction, others, work.contracts.slot, now)


def _lost(work: _Reland, compaction: CompactionManifest, skipped: list[str]) -> Iterator[LostFile]:
    """Files that went into a damaged compacted file and cannot be made again."""
    file = compaction.file.file
    if is_visible(work.ledger, file) and (work.home.root / file).exists():
        return
    replaced = set(compaction.replaces)
    for segment in skipped:
        manifest = find_manifest(work.home, work.ledger, segment)
        for entry in manifest.files if manifest is not None else ():
            if entry.kind == compaction.file.kind and entry.file in replaced:
                yield LostFile(segment=segment, entry=entry)


def mend(home: Home, files: Sequence[DamagedFile], contracts: ContractsInForce, clock: Callable[[], int]) -> Relanded:
    """Reland the segments of damaged landing and quarantine files, as far as the archive has them.

    What is still there is not lost by it: a segment that would lose readings under the contracts of today stays as it
    is.
    """
    with open_ledger(home) as ledger:
        wanted = {segment for each in files if each.kind != "raw" for segment in segments_of(home, ledger, each.file)}
    return reland(home, contracts, clock, only=sorted(wanted), may_lose=False)
