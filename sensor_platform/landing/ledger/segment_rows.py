"""The row of a segment, and the rows that belong to it: damage, drift, imported files, late readings.

All functions work within the caller's transaction.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from msgspec.structs import asdict

from sensor_platform.landing.ledger.horizon import floor_at
from sensor_platform.landing.ledger.manifest import SUMS, Manifest

_NUMBERS = (*SUMS, "newest_event_at")
_TABLES = ("damage", "late_frozen", "imports", "drift", "segments")


def insert_segment_row(
    connection: sqlite3.Connection, manifest: Manifest, position: int, arrived_hour: int | None = None
) -> None:
    """Add the row of a segment; `arrived_hour` is the newest hour of its arrivals."""
    names = ("segment", "position", "committed_at", "contract_version", *_NUMBERS, "arrived_hour")
    connection.execute(
        f"insert into segments ({', '.join(names)}) values ({', '.join(f':{name}' for name in names)})",  # noqa: S608 - constants
        {**_row(manifest), "position": position, "arrived_hour": arrived_hour},
    )


def replace_segment_row(connection: sqlite3.Connection, manifest: Manifest, position: int) -> None:
    """Set the row of a segment to another commit of it."""
    _set(connection, ("position", "committed_at", "contract_version", *_NUMBERS), _row(manifest, position))


def update_sums(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Set the sums of a segment as its manifest has them."""
    _set(connection, _NUMBERS, _row(manifest))


def delete_segment_rows(connection: sqlite3.Connection, segment: str) -> None:
    """Remove the row of a segment and what belongs to it, but not its files, their damage, and its counts."""
    for table in _TABLES:
        connection.execute(f"delete from {table} where segment = ?", (segment,))  # noqa: S608 - constants


def add_facts(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Add damaged ranges and drift."""
    connection.executemany(
        "insert into damage (segment, start, bytes) values (:segment, :start, :bytes)",
        [{**asdict(damage), "segment": manifest.segment} for damage in manifest.damage],
    )
    connection.executemany(
        "insert into drift (segment, position, received_at, device_id, metric, what, was, now)"
        " values (:segment, :position, :received_at, :device_id, :metric, :what, :was, :now)",
        [{**asdict(drift), "segment": manifest.segment} for drift in manifest.drift],
    )


def delete_facts_of(connection: sqlite3.Connection, segment: str) -> None:
    """Remove damaged ranges and drift of a segment."""
    connection.execute("delete from damage where segment = ?", (segment,))
    connection.execute("delete from drift where segment = ?", (segment,))


def add_sources(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Add the imported files of a commit."""
    connection.executemany(
        "insert into imports (source, segment, name, rows, first_position, mapping)"
        " values (:sha256, :segment, :name, :rows, :first_position, :mapping)",
        [{**asdict(source), "segment": manifest.segment} for source in manifest.sources],
    )


def replace_sources(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Set the imported files of a commit as its manifest has them."""
    connection.execute("delete from imports where segment = ?", (manifest.segment,))
    add_sources(connection, manifest)


def count_late_rows(connection: sqlite3.Connection, manifest: Manifest, late: Mapping[int, int] | None = None) -> None:
    """Count rows below the landing floor in force when they were landed: they are kept and change no table.

    Args:
        connection: open for writing.
        manifest: of the commit.
        late: rows by slot that it brings, beside what was counted before; None if all of its files are new.
    """
    floor = floor_at(connection, manifest.written_at)
    if floor is None:
        return
    brought: list[Mapping[int, int]] = [entry.slots for entry in manifest.files] if late is None else [late]
    rows = ((slot, count, manifest.written_at) for slots in brought for slot, count in slots.items() if slot < floor)
    add_late_rows(connection, manifest.segment, rows)


def add_late_rows(connection: sqlite3.Connection, name: str, rows: Iterable[tuple[int, int, int]]) -> None:
    """Add late readings (slot, number, time of the commit) under the name of a segment or of a day."""
    connection.executemany(
        "insert into late_frozen (segment, slot_start, rows, committed_at) values (?, ?, ?, ?)"
        " on conflict do update set rows = rows + excluded.rows",
        [(name, *row) for row in rows],
    )


def delete_late_rows(connection: sqlite3.Connection, segment: str) -> None:
    """Remove the late readings of a segment."""
    connection.execute("delete from late_frozen where segment = ?", (segment,))


def _row(manifest: Manifest, position: int = 0) -> dict[str, object]:
    return {**asdict(manifest), "committed_at": manifest.written_at, "position": position}


def _set(connection: sqlite3.Connection, names: Iterable[str], row: dict[str, object]) -> None:
    sets = ", ".join(f"{name} = :{name}" for name in names)
    connection.execute(f"update segments set {sets} where segment = :segment", row)  # noqa: S608 - constants
