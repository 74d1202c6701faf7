"""Writes the landing tier of an aged home: files, manifests and ledger as they are some hours after each hour."""

import hashlib
import sqlite3
from collections.abc import Callable

import zstandard

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, MINUTE, utc_from_micros
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.parquet import write_landing, write_quarantine
from sensor_platform.landing.ledger import keep_grid, open_ledger
from sensor_platform.landing.ledger.file_rows import insert_file
from sensor_platform.landing.ledger.manifest import CompactionManifest, FileEntry
from sensor_platform.landing.ledger.slot_positions import touch_slots
from sensor_platform_tests.age.commits import write_commits
from sensor_platform_tests.age.frames import garbage, payloads, readings
from sensor_platform_tests.age.plan import SEGMENT, SEGMENTS, SLOT_MINUTES, AgePlan, segment_of


def write_history(home: Home, plan: AgePlan, say: Callable[[str], None]) -> None:
    """Write all hours but the newest."""
    with open_ledger(home) as ledger:
        keep_grid(ledger, SLOT_MINUTES)
        ledger.execute("pragma synchronous = off")  # a home that can be made again
        for hour in plan.hours:
            write_hour(home, ledger, plan, hour)
            if hour % (30 * 24 * HOUR) < HOUR:
                say(f"landing: {utc_from_micros(hour):%Y-%m-%d}")


def write_hour(home: Home, ledger: sqlite3.Connection, plan: AgePlan, hour: int) -> None:
    """Write one compacted hour."""
    name = "compact-" + hashlib.sha256(segment_of(plan, hour).encode()).hexdigest()[:32]
    day = utc_from_micros(hour).date().isoformat()
    frame = readings(plan, hour)
    entries = [
        write_landing(home, home.landing / day / f"{name}.parquet", frame),
        write_quarantine(home, home.quarantine / day / f"{name}.parquet", garbage(plan, hour)),
    ]
    made = [_compaction(f"{name}{'' if entry.kind == 'landing' else '-q'}", hour, entry) for entry in entries]
    with transaction(ledger):
        position = write_commits(home, ledger, plan, hour, frame, made)
        for each in made:
            insert_file(ledger, each.name, each.file)
        touch_slots(ledger, entries[0].slots, position)
        if hour >= plan.end - plan.raw_days * DAY:
            _write_raw(home, ledger, plan, hour)


def _write_raw(home: Home, ledger: sqlite3.Connection, plan: AgePlan, hour: int) -> None:
    """The raw archive of an hour. All files hold the same: no measure reads them."""
    folder = home.raw / utc_from_micros(hour).date().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    content = zstandard.compress(b"".join(payload for _, _, payload in payloads(plan, hour)[0]))
    digest = hashlib.sha256(content).hexdigest()
    for number in range(SEGMENTS):
        name = segment_of(plan, hour + number * SEGMENT)
        path = folder / f"{name}.zst"
        path.write_bytes(content)
        file = str(path.relative_to(home.root))
        insert_file(ledger, name, FileEntry(file=file, kind="raw", rows=0, bytes=len(content), sha256=digest))


def _compaction(name: str, hour: int, entry: FileEntry) -> CompactionManifest:
    return CompactionManifest(name=name, written_at=hour + HOUR + MINUTE, file=entry, replaces=())
