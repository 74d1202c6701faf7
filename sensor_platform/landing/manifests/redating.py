"""Commits of a clock that was far ahead get times that have been: just after the last commit before them.

Each commit has a later time than the one before it, so after such a clock all commits would fall into one day to come:
their manifests would wait for it in files of their own, and no day could be summed up. The order stays as it is.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger.manifest import Manifest, write_manifest
from sensor_platform.landing.ledger.summing import committed_at
from sensor_platform.landing.manifests.bundle_paths import bundle_keys, day_key
from sensor_platform.landing.manifests.bundles import bundled_manifests
from sensor_platform.landing.manifests.manifest_store import find_manifest, take_out_of_bundles

_AHEAD = 2 * DAY
"""A commit that is later by less waits for its time."""
_MOST = 20_000
"""Commits of one run."""


def redate(home: Home, ledger: sqlite3.Connection, now: int) -> int:
    """Redate commits that are days ahead; returns how many. It may be killed at any point and repeated.

    Only after a commit by a clock that was set back, and a gap of days in which nothing was committed: where the clock
    is behind instead, there is none. Hold `changes_lock`.

    Args:
        home: the data folder.
        ledger: open for writing.
        now: microseconds since the epoch, UTC.

    Raises:
        CheckFailed: a manifest is damaged.
    """
    before = ledger.execute("select max(committed_at) from segments where committed_at <= ?", (now,)).fetchone()[0]
    moved = []
    for at, segment in enumerate(_ahead(home, ledger, now) if before is not None else (), (before or 0) + 1):
        if (manifest := find_manifest(home, ledger, segment)) is not None:
            write_manifest(home, msgspec.structs.replace(manifest, written_at=at))
        moved.append((at, segment))
    if moved:
        with transaction(ledger):
            ledger.executemany("update segments set committed_at = ? where segment = ?", moved)
            ledger.executemany("update late_frozen set committed_at = ? where segment = ?", moved)
    _take_out_moved(home, ledger, now)
    return len(moved)


def _ahead(home: Home, ledger: sqlite3.Connection, now: int) -> Sequence[str]:
    """Segments to redate, oldest first, up to one that the lander may still be at."""
    first = ledger.execute("select min(committed_at) from segments where committed_at > ?", (now,)).fetchone()[0]
    if first is None or first - now <= _AHEAD or not _was_set_back(ledger):
        return []
    rows = ledger.execute(
        "select segment from segments where committed_at >= ? order by committed_at limit ?", (first, _MOST)
    )
    found: list[str] = []
    for (segment,) in rows.fetchall():
        if (home.wal / f"{segment}.wal").exists():
            break
        found.append(segment)
    return found


def _was_set_back(ledger: sqlite3.Connection) -> bool:
    """Whether the newest commit is by a clock that was behind the one before: it is later by a microsecond only."""
    rows = ledger.execute("select committed_at from segments order by committed_at desc limit 2").fetchall()
    return len(rows) == 2 and rows[0][0] - rows[1][0] == 1


def _take_out_moved(home: Home, ledger: sqlite3.Connection, now: int) -> None:
    """Take manifests of commits that have another time now out of the bundles of days to come."""
    since = now + _AHEAD
    for key in bundle_keys(home, day_key(since)):
        moved = [each.segment for each in bundled_manifests(home, key) if _is_moved(ledger, each)]
        if moved:
            take_out_of_bundles(home, moved, since, but="")


def _is_moved(ledger: sqlite3.Connection, manifest: Manifest) -> bool:
    return committed_at(ledger, manifest.segment) not in {manifest.written_at, None}
