"""Writes the landing tier of an aged home: files, manifests and ledger as they are some hours after each hour."""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby

import zstandard

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, utc_from_micros
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import keep_grid, open_ledger
from sensor_platform.landing.ledger.file_rows import insert_file
from sensor_platform.landing.ledger.manifest import FileEntry
from sensor_platform.landing.ledger.slot_positions import touch_slots
from sensor_platform_tests.age.commits import compactions_of, write_commits, write_files
from sensor_platform_tests.age.frames import garbage, payloads, readings
from sensor_platform_tests.age.old_days import write_old_day
from sensor_platform_tests.age.plan import SEGMENT, SEGMENTS, SLOT_MINUTES, AgePlan, segment_of


def write_history(home: Home, plan: AgePlan, say: Callable[[str], None]) -> None:
    """Write all hours but the newest."""
    with open_ledger(home) as ledger, _without_fsync():
        keep_grid(ledger, SLOT_MINUTES)
        ledger.execute("pragma synchronous = off")
        for number, (day, some) in enumerate(groupby(plan.hours, key=lambda hour: hour // DAY)):
            hours = list(some)
            if (day + 1) * DAY <= plan.first_raw:
                write_old_day(home, ledger, plan, hours)
            else:
                for hour in hours:
                    write_hour(home, ledger, plan, hour)
            if number % 30 == 0:
                say(f"landing: {utc_from_micros(hours[0]):%Y-%m-%d}")


@contextlib.contextmanager
def _without_fsync() -> Iterator[None]:
    """A home that can be made again needs no durable files."""
    kept = os.fsync
    os.fsync = lambda fd: None  # noqa: ARG005 - the name of the original
    try:
        yield
    finally:
        os.fsync = kept


def write_hour(home: Home, ledger: sqlite3.Connection, plan: AgePlan, hour: int) -> None:
    """Write one compacted hour."""
    frame = readings(plan, [hour])
    entries = write_files(home, plan, hour, frame, garbage(plan, [hour]))
    made = compactions_of(plan, hour, entries)
    with transaction(ledger):
        position = write_commits(home, ledger, plan, hour, frame, made)
        for each in made:
            insert_file(ledger, each.name, each.file)
        touch_slots(ledger, entries[0].slots, position)
        if hour >= plan.first_raw:
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
