"""Triggers of the ledger: sums and marks of days follow every change of rows, so that nobody has to read all rows.

`commit_days` sums the segments of each UTC day of commit. `day_marks` has, for drift, late readings and quarantine
files, the number of rows of each day and a mark that is another one after each change. A note counts the rows that were
deleted from `held_slots`.
"""

import sqlite3

from sensor_platform.landing.ledger.manifest import SUMS

RELEASED = "held_slots.released"
"""Name of the note in `meta`."""


def _count_segment(event: str, row: str, sign: str) -> str:
    """Statement of a trigger that keeps the sums of a day of commits."""
    values = ", ".join(f"{sign}{row}.{name}" for name in SUMS)
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
    newest = f"{row}.newest_event_at" if event == "insert" else "null"
    return (
        f"insert into commit_days (day, segments, {', '.join(SUMS)}, newest_event_at)"  # noqa: S608 - constants
        f" values ({row}.committed_at / 86400000000, {sign}1, {values}, {newest})"
        f" on conflict (day) do update set segments = segments + excluded.segments, {sums}, newest_event_at ="
        " coalesce(max(newest_event_at, excluded.newest_event_at), newest_event_at, excluded.newest_event_at)"
    )


def _mark(name: str, day: str, rows: str) -> str:
    """Statement of a trigger that marks a day as changed, and keeps the number of its rows."""
    return (
        f"insert into day_marks (name, day, mark, rows) values ('{name}', {day}, random(), {rows})"  # noqa: S608 - constants
        " on conflict (name, day) do update set mark = excluded.mark, rows = rows + excluded.rows"
    )


def _trigger(name: str, event: str, *body: str, when: str = "true") -> tuple[str, str]:
    return name, f"create trigger if not exists {name} after {event} when {when} begin {'; '.join(body)}; end"


_NEWEST_AGAIN = (
    "update commit_days set newest_event_at = (select max(newest_event_at) from segments where committed_at"
    " >= day * 86400000000 and committed_at < (day + 1) * 86400000000)"
    " where day = old.committed_at / 86400000000 and newest_event_at = old.newest_event_at"
)
_COUNT_RELEASED = (
    f"insert into meta (key, value) values ('{RELEASED}', '1')"  # noqa: S608 - a constant
    " on conflict (key) do update set value = cast(cast(value as integer) + 1 as text)"
)
_LATE_OLD = _mark("late_frozen", "old.slot_start / 86400000000", "-old.rows")
_LATE_NEW = _mark("late_frozen", "new.slot_start / 86400000000", "new.rows")
_DAY_OF_PATH = "cast(strftime('%s', substr({}file, 12, 10)) as integer) / 86400"
_MORE_REFUSED = _mark("quarantine", _DAY_OF_PATH.format("new."), "new.rows")
_LESS_REFUSED = _mark("quarantine", _DAY_OF_PATH.format("old."), "-old.rows")
_WAS_REFUSED = "old.kind = 'quarantine' and old.replaced_at is null"
_IS_REFUSED = "new.kind = 'quarantine' and new.replaced_at is null"

TRIGGERS = dict(
    (
        _trigger("segments_insert", "insert on segments", _count_segment("insert", "new", "")),
        _trigger("segments_delete", "delete on segments", _count_segment("delete", "old", "-"), _NEWEST_AGAIN),
        _trigger(
            "segments_update",
            "update on segments",
            _count_segment("delete", "old", "-"),
            _count_segment("insert", "new", ""),
            _NEWEST_AGAIN,
        ),
        _trigger("drift_insert", "insert on drift", _mark("drift", "new.received_at / 86400000000", "1")),
        _trigger("drift_delete", "delete on drift", _mark("drift", "old.received_at / 86400000000", "-1")),
        _trigger("held_delete", "delete on held_slots", _COUNT_RELEASED),
        _trigger("late_insert", "insert on late_frozen", _LATE_NEW),
        _trigger("late_delete", "delete on late_frozen", _LATE_OLD),
        _trigger("late_update", "update on late_frozen", _LATE_OLD, _LATE_NEW),
        _trigger("quarantine_insert", "insert on files", _MORE_REFUSED, when=_IS_REFUSED),
        _trigger("quarantine_delete", "delete on files", _LESS_REFUSED, when=_WAS_REFUSED),
        _trigger(
            "quarantine_hide",
            "update of replaced_at on files",
            _LESS_REFUSED,
            when=f"{_WAS_REFUSED} and new.replaced_at is not null",
        ),
        _trigger(
            "quarantine_show",
            "update of replaced_at on files",
            _MORE_REFUSED,
            when=f"{_IS_REFUSED} and old.replaced_at is not null",
        ),
    )
)
"""Name to statement."""


def count_days(connection: sqlite3.Connection) -> None:
    """Make the sums of days from all segments."""
    sums = ", ".join(f"sum({name})" for name in SUMS)
    connection.execute("delete from commit_days")
    connection.execute(
        f"insert into commit_days (day, segments, {', '.join(SUMS)}, newest_event_at)"  # noqa: S608 - constants
        f" select committed_at / 86400000000, count(*), {sums}, max(newest_event_at) from segments group by 1"
    )


def mark_days(connection: sqlite3.Connection) -> None:
    """Make the marks of days from all rows."""
    connection.execute("delete from day_marks")
    for name, day, rows, table in (
        ("drift", "received_at / 86400000000", "count(*)", "drift"),
        ("late_frozen", "slot_start / 86400000000", "sum(rows)", "late_frozen"),
        ("quarantine", _DAY_OF_PATH.format(""), "sum(rows)", "files where kind = 'quarantine' and replaced_at is null"),
    ):
        connection.execute(
            f"insert into day_marks (name, day, mark, rows) select '{name}', {day}, random(), {rows} from {table}"  # noqa: S608 - constants
            " group by 2"
        )
