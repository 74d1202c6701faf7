"""Requeue and drop as the first versions wrote them: commits of their own, `requeue-<hash>` and `drop-<hash>`."""

import hashlib

import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.landing.files.parquet import write_landing, write_quarantine
from sensor_platform.landing.integrity.segment_state import read_state
from sensor_platform.landing.integrity.shared_files import RowFiles
from sensor_platform.landing.ledger import FileEntry, Manifest, commit_segment, open_ledger, write_manifest
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.quarantine.redecode import redecode
from sensor_platform.landing.rejects import read_rejects
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform_tests.landing.requeues import LIMITS

_KEPT = 13
"""Columns of a quarantine file then."""


def older_requeue(home: Home, contract: Contract, now: int) -> int:
    """Requeue every message; what had landed stays, and only new readings are added. Returns their number."""
    added = 0
    with open_ledger(home) as ledger:
        names = ledger.execute("select file from files where kind = 'quarantine' and replaced_at is null").fetchall()
        for (file,) in names:
            rows = read_rejects(home.root / file)
            state = read_state(home, ledger, rows["segment"][0])
            assert state is not None
            decoder = Decoder([contract], LIMITS)
            found = redecode(RowFiles(home, ledger), state.whole, rows, decoder, 600_000_000)
            assert found.removed.is_empty(), "versions of then doubled such readings"
            if found.added.is_empty():
                continue
            at = next_commit_time(ledger, now)
            manifest = _manifest(home, file, at, found.added, found.refused)
            landed, rejected = (
                sum(getattr(row, name) for row in found.counts) for name in ("landed", "rejected_readings")
            )
            written = {
                "counts": [*found.counts], "landed": landed, "quarantined": -landed, "rejected_readings": rejected
            }  # fmt: skip
            manifest = Manifest(**{name: getattr(manifest, name) for name in manifest.__struct_fields__} | written)
            write_manifest(home, manifest)
            commit_segment(ledger, manifest)
            added += len(found.added)
    return added


def _manifest(home: Home, file: str, now: int, added: pl.DataFrame, refused: pl.DataFrame) -> Manifest:
    name = f"requeue-{hashlib.sha256(file.encode()).hexdigest()[:32]}"
    day = utc_from_micros(now).date().isoformat()
    files: list[FileEntry] = [write_landing(home, home.landing / day / f"{name}.parquet", added)]
    if len(refused):
        rest = refused.select(refused.columns[:_KEPT])
        files.append(write_quarantine(home, home.quarantine / day / f"{name}.parquet", rest))
    return Manifest(
        segment=name, written_at=now, contract_version="old", messages=0, landed=0, quarantined=0, duplicate=0,
        readings=len(added), rejected_readings=0, newest_event_at=files[0].last_event_at, files=tuple(files), counts=(),
        arrivals={}, replaces=(file,),
    )  # fmt: skip
