"""Days of commits that are summed up: their segments have no rows of their own any more, only ranges of names.

A day can be summed up when nothing of its segments is left but files that compaction made: raw archive gone, replaced
files deleted. Days are starts of UTC days, microseconds since the epoch.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger.manifest import Manifest
from sensor_platform.landing.ledger.segment_rows import add_late_rows, delete_late_rows, insert_segment_row
from sensor_platform.landing.sequences import Range, union
from sensor_platform.wal import parse_name


def is_committed(connection: sqlite3.Connection, segment: str) -> bool:
    """Whether the segment was landed, however long ago."""
    return committed_at(connection, segment) is not None or summed_day(connection, segment) is not None


def committed_at(connection: sqlite3.Connection, segment: str) -> int | None:
    """Time of the commit of a segment that has a row."""
    row = connection.execute("select committed_at from segments where segment = ?", (segment,)).fetchone()
    return None if row is None else int(row[0])


def summed_day(connection: sqlite3.Connection, segment: str) -> int | None:
    """The day of commit of a segment that was summed up with it."""
    stem, number = _parts(segment)
    if stem is None:
        return None
    row = connection.execute(
        "select last, day from segment_ranges where stem = ? and first <= ? order by first desc limit 1",
        (stem, number),
    ).fetchone()
    return int(row[1]) if row is not None and number <= row[0] else None


def is_summed(connection: sqlite3.Connection, day: int) -> bool:
    """Whether a day was summed up."""
    return connection.execute("select 1 from summed_days where day = ?", (day,)).fetchone() is not None


def days_to_sum(connection: sqlite3.Connection, before: int) -> list[int]:
    """Days of commits before a time that can be summed up now, ascending. Never the day of the newest commit."""
    newest = connection.execute("select committed_at from segments order by committed_at desc limit 1").fetchone()
    if newest is None:
        return []
    end = min(before, newest[0]) // DAY
    rows = connection.execute(
        "select day from commit_days where day < ? and day * 86400000000 not in (select day from summed_days)"
        " order by day",
        (end,),
    )
    return [day * DAY for (day,) in rows.fetchall() if not _has_files(connection, day * DAY)]


def _has_files(connection: sqlite3.Connection, day: int) -> bool:
    """Whether a segment of the day has an archive, a file that waits for its deletion, or a damaged file."""
    found = connection.execute(
        "select 1 from segments s where committed_at >= ? and committed_at < ? and (exists"
        " (select 1 from files f where f.segment = s.segment and (f.kind = 'raw' or f.replaced_at is not null))"
        " or exists (select 1 from damaged_files d where d.segment = s.segment)) limit 1",
        (day, day + DAY),
    )
    return found.fetchone() is not None


def segments_to_sum(connection: sqlite3.Connection, day: int) -> list[str]:
    """Segments of collectors that were committed on a day. What people did keeps its rows: imports, requeues."""
    rows = connection.execute(
        "select segment from segments where committed_at >= ? and committed_at < ? order by segment", (day, day + DAY)
    )
    return [segment for (segment,) in rows if parse_name(segment)]


def sum_up(connection: sqlite3.Connection, day: int, segments: Sequence[str], hours: Iterable[int]) -> None:
    """Replace the rows of a day's segments by ranges of names, within the caller's transaction.

    Args:
        connection: open for writing.
        day: of the commits.
        segments: names; their sums stay in `commit_days`.
        hours: hours of arrival of which a file has counts from now on.
    """
    kept = connection.execute("select * from commit_days where day = ?", (day // DAY,)).fetchone()
    connection.executemany("delete from segments where segment = ?", [(segment,) for segment in segments])
    if kept is not None:  # the trigger took them off
        connection.execute(f"insert or replace into commit_days values ({','.join('?' * len(kept))})", kept)  # noqa: S608 - question marks only
    _sum_late(connection, day, segments)
    connection.executemany(
        "insert or replace into segment_ranges (stem, first, last, day) values (?, ?, ?, ?)",
        [(*each, day) for each in _ranges(segments)],
    )
    connection.executemany(
        "insert or ignore into count_hours (hour, day) values (?, ?)", [(hour, day) for hour in hours]
    )
    connection.execute("insert or ignore into summed_days (day) values (?)", (day,))


def split_off(connection: sqlite3.Connection, manifest: Manifest, position: int) -> None:
    """Give a segment that was summed up a row again, because it changes; within the caller's transaction."""
    day = summed_day(connection, manifest.segment)
    if day is None or committed_at(connection, manifest.segment) is not None:
        return
    stem, number = _parts(manifest.segment)
    first, last = connection.execute(
        "select first, last from segment_ranges where stem = ? and first <= ? order by first desc limit 1",
        (stem, number),
    ).fetchone()
    connection.execute("delete from segment_ranges where stem = ? and first = ?", (stem, first))
    parts = [(stem, first, number - 1, day), (stem, number + 1, last, day)]
    connection.executemany(
        "insert into segment_ranges (stem, first, last, day) values (?, ?, ?, ?)",
        [each for each in parts if each[1] <= each[2]],
    )
    kept = connection.execute("select * from commit_days where day = ?", (manifest.written_at // DAY,)).fetchone()
    insert_segment_row(connection, manifest, position)
    if kept is not None:  # the trigger added them
        connection.execute(f"insert or replace into commit_days values ({','.join('?' * len(kept))})", kept)  # noqa: S608 - question marks only


class SumChange(msgspec.Struct, frozen=True, array_like=True):
    """Differences of the sums of a day of commits."""

    messages: int = 0
    landed: int = 0
    quarantined: int = 0
    duplicate: int = 0
    forgotten: int = 0
    readings: int = 0
    rejected_readings: int = 0


def changes_of_days(connection: sqlite3.Connection, pairs: Iterable[tuple[Manifest, Manifest]]) -> dict[int, SumChange]:
    """Differences between manifests before and after, by day of commit, of segments that have no row any more."""
    names = SumChange.__struct_fields__
    found: dict[int, SumChange] = {}
    for old, new in pairs:
        if committed_at(connection, old.segment) is None:
            before = found.get(old.written_at // DAY, SumChange())
            found[old.written_at // DAY] = SumChange(
                *(getattr(before, name) + getattr(new, name) - getattr(old, name) for name in names)
            )
    return found


def sum_of_changes(one: Mapping[int, SumChange], other: Mapping[int, SumChange]) -> dict[int, SumChange]:
    """The sums of two sets of differences."""
    none = SumChange()
    pairs = {day: (one.get(day, none), other.get(day, none)) for day in {*one, *other}}
    names = SumChange.__struct_fields__
    return {day: SumChange(*(getattr(a, name) + getattr(b, name) for name in names)) for day, (a, b) in pairs.items()}


def change_day(connection: sqlite3.Connection, day: int, change: SumChange) -> None:
    """Add differences to the sums of a day (since the epoch), within the caller's transaction."""
    sets = ", ".join(f"{name} = {name} + ?" for name in SumChange.__struct_fields__)
    connection.execute(f"update commit_days set {sets} where day = ?", (*msgspec.structs.astuple(change), day))  # noqa: S608 - constants


def bundled_at(connection: sqlite3.Connection, compaction: str) -> int | None:
    """When a compaction was made whose manifest is in a bundle."""
    row = connection.execute("select made_at from compactions where name = ?", (compaction,)).fetchone()
    return None if row is None else int(row[0])


def remember_bundled(connection: sqlite3.Connection, compactions: Iterable[tuple[str, int]]) -> None:
    """Record compactions whose manifests are in bundles, each with the time at which it was made."""
    connection.executemany("insert or replace into compactions (name, made_at) values (?, ?)", compactions)


def _parts(segment: str) -> tuple[str | None, int]:
    name = parse_name(segment)
    return (None, 0) if name is None else (f"{name.collector}-{name.boot:013d}", name.seq)


def _ranges(segments: Iterable[str]) -> Iterable[tuple[str, int, int]]:
    """Ranges of numbers by stem of the names."""
    found: dict[str, list[Range]] = {}
    for segment in segments:
        stem, number = _parts(segment)
        if stem is not None:
            found.setdefault(stem, []).append((number, number))
    for stem, numbers in found.items():
        yield from ((stem, first, last) for first, last in union(numbers))


def _sum_late(connection: sqlite3.Connection, day: int, segments: Sequence[str]) -> None:
    """Late readings of the segments as one row for each slot, under the name of the day."""
    name = f"day-{day}"
    for segment in segments:
        rows = connection.execute(
            "select slot_start, rows, committed_at from late_frozen where segment = ?", (segment,)
        ).fetchall()
        if rows:
            add_late_rows(connection, name, rows)
            delete_late_rows(connection, segment)
