"""Copies of archived segments in which the messages are blanked that rules take."""

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.files.parquet import file_entry
from sensor_platform.landing.forget.decoded import without_forgotten
from sensor_platform.landing.ledger.manifest import FileEntry
from sensor_platform.landing.record_batches import SegmentReader
from sensor_platform.landing.removal.choice import RowChoice
from sensor_platform.landing.removal.intent import BlankedArchive
from sensor_platform.landing.retained_repeats import RetainedRepeats
from sensor_platform.wal import DamagedSegment, archive_redacted

if TYPE_CHECKING:
    from sensor_platform.landing.integrity.raw_copies import ContractsInForce


def blanked_archives(
    home: Home,
    ledger: sqlite3.Connection,
    choice: RowChoice,
    messages: pl.DataFrame,
    contracts: "ContractsInForce | None",
    *,
    is_real: bool,
) -> Iterator[BlankedArchive]:
    """Write a copy of every archived segment that has such messages.

    Messages are found by what landed of them, and by decoding the archive: duplicates and messages whose readings were
    deleted by retention are in no other file.

    Args:
        home: the data folder.
        ledger: open.
        choice: of the rules.
        messages: segment and position of messages that lost a row.
        contracts: by which the archive is decoded; None to go by `messages` only.
        is_real: False writes nothing.
    """
    known: dict[str, list[int]] = dict(messages.group_by("segment").agg("position").iter_rows())
    rows = ledger.execute("select file, segment from files where kind = 'raw' and replaced_at is null order by file")
    for file, segment in rows.fetchall():
        path = home.root / file
        if not path.exists() or (contracts is None and segment not in known):
            continue
        positions = set(known.get(segment, ()))
        if contracts is not None:
            positions |= _decoded(home, path, segment, choice, contracts)
        if positions:
            yield _copied(home, path, segment, positions, is_real=is_real)


def _decoded(home: Home, path: Path, segment: str, choice: RowChoice, contracts: "ContractsInForce") -> set[int]:
    from sensor_platform.landing.stage import Stage

    stage = Stage(segment, is_checked=True)
    try:
        stage.decode(SegmentReader(path), contracts.decoder, RetainedRepeats(home, segment, contracts.slot))
    except DamagedSegment:
        return set()
    finally:
        contracts.decoder.memory.forget()
    return set(without_forgotten(stage.rows(contracts.slot), choice).positions - stage.blanked)


def _copied(home: Home, path: Path, segment: str, positions: Collection[int], *, is_real: bool) -> BlankedArchive:
    copy = path.with_name(f"{path.name}.new")
    if is_real:
        archive_redacted(path, copy, positions)
        entry = structs.replace(file_entry(home, copy, "raw", 0), file=str(path.relative_to(home.root)))
    else:
        entry = FileEntry(file=str(path.relative_to(home.root)), kind="raw", rows=0, bytes=0, sha256="")
    return BlankedArchive(segment=segment, copy=str(copy.relative_to(home.root)), entry=entry, messages=len(positions))
