"""What the raw archive can still do for a segment whose fates a person has changed: give back a file, bit for bit.

A segment whose quarantine was requeued or dropped is not landed again, for that would undo what was decided. Its
landing file is another matter: where the archive makes the very bytes that were lost, they are put where they were.
"""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sensor_platform.durable import fsync_folder
from sensor_platform.home import Home
from sensor_platform.landing.ledger.manifest import FileEntry, Manifest, manifest_path, read_manifest
from sensor_platform.landing.segments import DamagedSegment
from sensor_platform.landing.stage import stage_segment

if TYPE_CHECKING:
    from sensor_platform.reading.decode import Decoder


@dataclass(frozen=True, slots=True)
class Contracts:
    """How messages are read now."""

    decoder: "Decoder"
    version: str
    slot: int
    """Microseconds."""


def raw_file(home: Home, ledger: sqlite3.Connection, segment: str) -> Path | None:
    """The archived segment, or None where it is gone."""
    row = ledger.execute(
        "select file from files where segment = ? and kind = 'raw' and replaced_at is null", (segment,)
    ).fetchone()
    path = home.root / row[0] if row else None
    return path if path is not None and path.exists() else None


def is_settled(ledger: sqlite3.Connection, manifest: Manifest) -> bool:
    """Whether somebody has requeued or dropped what was refused of a segment: it was landed by that already."""
    return any(
        entry.kind == "quarantine"
        and ledger.execute(
            "select 1 from files where file = ? and replaced_at is null"
            " union select 1 from damaged_files where file = ?",
            (entry.file, entry.file),
        ).fetchone()
        is None
        for entry in manifest.files
    )


def put_back_settled(
    home: Home, ledger: sqlite3.Connection, segments: Collection[str], contracts: Contracts, clock: Callable[[], int]
) -> None:
    """Make missed landing files of such segments again where they were; `take_back` has them in use then.

    A file that comes out otherwise, under another contract say, stays missed.
    """
    missed = ledger.execute("select file, segment, entry from damaged_files where kind = 'landing'").fetchall()
    for file, segment, text in missed:
        raw, manifest = raw_file(home, ledger, segment), manifest_path(home, segment)
        if segment in segments and raw and manifest.exists() and is_settled(ledger, read_manifest(manifest)):
            lost = msgspec.json.decode(text, type=FileEntry)
            _put_back(home, home.root / file, lost.sha256, raw, contracts, clock())


def _put_back(home: Home, place: Path, sha256: str, raw: Path, contracts: Contracts, now: int) -> None:
    try:
        made = stage_segment(
            home, raw, contracts.decoder, contracts.version, contracts.slot, lambda: now, suffix=f"~{now}"
        )
    except (DamagedSegment, OSError):
        return
    for entry in made.files:
        path = home.root / entry.file
        if entry.sha256 == sha256:
            path.rename(place)
            fsync_folder(place.parent)
        else:
            path.unlink(missing_ok=True)
