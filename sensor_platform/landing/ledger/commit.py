"""Writes to the ledger: segments with their files and counts, and slots that changed without a segment."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import asdict

from sensor_platform.kernel.clock import now_micros
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger.commit_checks import check_committed, check_rules, check_visible
from sensor_platform.landing.ledger.heard import note_heard
from sensor_platform.landing.ledger.horizon import floor_at
from sensor_platform.landing.ledger.manifest import OUTCOMES, DeviceCounts, FileEntry, HeardDevice, Manifest
from sensor_platform.landing.ledger.summing import split_off
from sensor_platform.landing.sequences import union
from sensor_platform.reading.memory import Memory, load_nodes


def commit_segment(
    connection: sqlite3.Connection,
    manifest: Manifest,
    instead_of: Manifest | None = None,
    memory: Memory | None = None,
    rules: str | None = None,
    heard: Iterable[HeardDevice] = (),
) -> int:
    """Make a segment visible; returns its position. All of it or nothing.

    Args:
        connection: from `open_ledger`.
        manifest: of the landed segment.
        instead_of: the manifest of the earlier commit, when a segment is relanded.
        memory: of the decoder; births of Sparkplug nodes seen in this segment are saved too.
        rules: of what is forgotten, by which it was decoded; None where `changes_lock` keeps them from changing.
        heard: the devices with readings in a segment that has just come.

    Raises:
        ChangedMeanwhile: a file that it replaces is not visible any more.
        RulesChanged: other rules are in force now.
    """
    with transaction(connection):
        check_visible(connection, manifest.replaces)
        if rules is not None:
            check_rules(connection, rules)
        if memory is not None:
            connection.executemany(
                "insert or replace into births (node, content) values (?, ?)", list(memory.changed_nodes())
            )
        note_heard(connection, heard)
        return insert_segment(connection, manifest, instead_of)


def insert_segment(
    connection: sqlite3.Connection,
    manifest: Manifest,
    instead_of: Manifest | None = None,
    also_touched: Iterable[int] = (),
) -> int:
    """`commit_segment` within the caller's transaction; `also_touched` are slots of files that are gone."""
    position = next_position(connection)
    if instead_of is not None:
        _forget(connection, instead_of, position)
    connection.execute(
        "insert into segments (segment, position, committed_at, contract_version, messages, landed, quarantined,"
        " duplicate, forgotten, readings, rejected_readings, newest_event_at, arrived_hour) values (:segment,"
        " :position, :written_at, :contract_version, :messages, :landed, :quarantined, :duplicate, :forgotten,"
        " :readings, :rejected_readings, :newest_event_at, :arrived_hour)",
        {**asdict(manifest), "position": position, "arrived_hour": max(manifest.arrivals, default=None)},
    )
    for entry in manifest.files:
        insert_file(connection, manifest.segment, entry)
    replace_files(connection, manifest.replaces, manifest.written_at)
    touch_slots(connection, {slot for entry in manifest.files for slot in entry.slots}.union(also_touched), position)
    _add_counts(connection, manifest, 1)
    _add_sequences(connection, manifest)
    _count_late_rows(connection, manifest)
    _add_sources(connection, manifest)
    _add_facts(connection, manifest)
    return position


def _add_facts(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Damaged ranges, drift and kinds of values of a segment."""
    connection.executemany(
        "insert into damage (segment, start, bytes) values (:segment, :start, :bytes)",
        [{**asdict(damage), "segment": manifest.segment} for damage in manifest.damage],
    )
    connection.executemany(
        "insert into drift (segment, position, received_at, device_id, metric, what, was, now)"
        " values (:segment, :position, :received_at, :device_id, :metric, :what, :was, :now)",
        [{**asdict(drift), "segment": manifest.segment} for drift in manifest.drift],
    )
    connection.executemany(
        "insert into kinds (device_id, metric, kinds) values (?, ?, ?)"
        " on conflict do update set kinds = kinds | excluded.kinds",
        manifest.kinds,
    )


def replace_segment(
    connection: sqlite3.Connection,
    old: Manifest,
    new: Manifest,
    slots: Iterable[int] | None = None,
    late: Mapping[int, int] | None = None,
    held: Collection[str] = (),
) -> int:
    """Put another result of a segment in the place of the committed one, within the caller's transaction.

    Files of both stay as they are; files of `old` alone become invisible. Returns the position.

    Args:
        connection: open for writing.
        old: what the ledger has now.
        new: of the same segment.
        slots: slots whose readings change; None for all of both.
        late: rows by slot that are new; None if all of `new` are.
        held: further files that were committed before, by other segments of the same step.

    Raises:
        ChangedMeanwhile: the ledger has something else than `old`.
    """
    split_off(connection, old, next_position(connection))
    check_committed(connection, old)
    position = next_position(connection)
    connection.execute(
        "update segments set position = :position, committed_at = :written_at, contract_version = :contract_version,"
        " messages = :messages, landed = :landed, quarantined = :quarantined, duplicate = :duplicate,"
        " forgotten = :forgotten, readings = :readings, rejected_readings = :rejected_readings,"
        " newest_event_at = :newest_event_at where segment = :segment",
        {**asdict(new), "position": position},
    )
    before, after = ({entry.file: entry for entry in manifest.files} for manifest in (old, new))
    for file, entry in after.items():
        if file not in before and file not in held:
            insert_file(connection, new.segment, entry)
    hide_files(connection, new.segment, [file for file in before if file not in after], new.written_at)
    if slots is None:
        slots = {slot for manifest in (old, new) for entry in manifest.files for slot in entry.slots}
    touch_slots(connection, slots, position)
    _add_counts(connection, old, -1)
    _add_counts(connection, new, 1)
    _forget_empty_counts(connection, old)
    _add_sequences(connection, new)
    for table in ("damage", "drift", *(() if late is not None else ("late_frozen",))):
        connection.execute(f"delete from {table} where segment = ?", (new.segment,))  # noqa: S608 - constants
    _count_late_rows(connection, new, late)
    _add_facts(connection, new)
    return position


def insert_file(connection: sqlite3.Connection, segment: str, entry: FileEntry) -> None:
    """Add a file and its slots."""
    connection.execute(
        "insert into files (file, segment, kind, rows, bytes, sha256, first_event_at, last_event_at, messages)"
        " values (:file, :segment, :kind, :rows, :bytes, :sha256, :first_event_at, :last_event_at, :messages)",
        {**asdict(entry), "segment": segment},
    )
    connection.executemany(
        "insert into file_slots (slot_start, file, rows) values (?, ?, ?)",
        [(slot, entry.file, rows) for slot, rows in entry.slots.items()],
    )


def replace_files(connection: sqlite3.Connection, files: Sequence[str], replaced_at: int) -> None:
    """Make files invisible, because another file has their rows."""
    connection.executemany("update files set replaced_at = ? where file = ?", [(replaced_at, file) for file in files])


def hide_files(connection: sqlite3.Connection, segment: str, files: Sequence[str], replaced_at: int) -> None:
    """Make those of the files invisible that are visible and of this segment."""
    connection.executemany(
        "update files set replaced_at = ? where file = ? and replaced_at is null and segment = ?",
        [(replaced_at, file, segment) for file in files],
    )


def mark_deleted(connection: sqlite3.Connection, files: Sequence[str]) -> None:
    """Make files invisible that are deleted now; a file that was replaced before keeps that time."""
    now = now_micros()
    connection.executemany(
        "update files set replaced_at = coalesce(replaced_at, ?), deleting_at = ? where file = ?",
        [(now, now, file) for file in files],
    )


def delete_files(connection: sqlite3.Connection, files: Sequence[str]) -> None:
    """Remove files from the ledger that are not on disk any more."""
    rows = [(file,) for file in files]
    connection.executemany("delete from file_slots where file = ?", rows)
    connection.executemany("delete from files where file = ?", rows)
    connection.executemany("delete from verified where file = ?", rows)


def add_counts(connection: sqlite3.Connection, counts: Sequence[DeviceCounts], arrivals: Mapping[int, int]) -> None:
    """Add differences to the counts, within the caller's transaction; hours and devices of which nothing is left go."""
    _add_rows(connection, counts, arrivals, 1)
    for table in ("counts", "arrivals"):
        connection.executemany(
            f"delete from {table} where hour = ? and received = 0 and landed = 0 and quarantined = 0"  # noqa: S608 - constants
            " and duplicate = 0 and forgotten = 0 and rejected_readings = 0",
            [(hour,) for hour in {row.hour for row in counts}.union(arrivals)],
        )


def update_segment(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Set the sums of a committed segment, and its imported files, as its manifest has them; not its files."""
    connection.execute(
        "update segments set messages = :messages, landed = :landed, quarantined = :quarantined,"
        " duplicate = :duplicate, forgotten = :forgotten, readings = :readings,"
        " rejected_readings = :rejected_readings, newest_event_at = :newest_event_at where segment = :segment",
        asdict(manifest),
    )
    connection.execute("delete from imports where segment = ?", (manifest.segment,))
    _add_sources(connection, manifest)


def withdraw_segment(connection: sqlite3.Connection, segment: str) -> None:
    """Remove a commit, but not its files and counts; within the caller's transaction."""
    connection.execute(
        "delete from held_slots where file in (select file from damaged_files where segment = ?)", (segment,)
    )
    for table in ("damage", "damaged_files", "late_frozen", "imports", "drift", "segments"):
        connection.execute(f"delete from {table} where segment = ?", (segment,))  # noqa: S608 - constants


def touch_slots(connection: sqlite3.Connection, slots: Iterable[int], position: int) -> None:
    """Record that a position changed slots."""
    connection.executemany(
        "insert or replace into slots (slot_start, position) values (?, ?)", [(slot, position) for slot in slots]
    )


def reopen_slots(connection: sqlite3.Connection, slots: Iterable[int], notes: Mapping[str, str]) -> int:
    """Touch slots with a new position although nothing was landed, and store notes, in one transaction.

    This is for changes of the past other than readings, such as a row of the catalog. Returns the newest position.
    """
    with transaction(connection):
        found = set(slots)
        if found:
            touch_slots(connection, found, next_position(connection))
        connection.executemany(
            "insert or replace into meta (key, value) values (?, ?)",
            [(f"note.{key}", value) for key, value in notes.items()],
        )
        return next_position(connection) - 1


def next_position(connection: sqlite3.Connection) -> int:
    """The next free position; only inside a write transaction."""
    newest = connection.execute(
        "select max(coalesce((select max(position) from segments), 0), coalesce((select max(position) from slots), 0))"
    )
    return int(newest.fetchone()[0]) + 1


def load_memory(connection: sqlite3.Connection) -> Memory:
    """The decoder's memory as saved: births of Sparkplug nodes, and kinds of values."""
    births = dict(connection.execute("select node, content from births").fetchall())
    kinds = connection.execute("select device_id, metric, kinds from kinds")
    return Memory(load_nodes(births), {(device, metric): seen for device, metric, seen in kinds})


def _add_sources(connection: sqlite3.Connection, manifest: Manifest) -> None:
    connection.executemany(
        "insert into imports (source, segment, name, rows, first_position, mapping)"
        " values (:sha256, :segment, :name, :rows, :first_position, :mapping)",
        [{**asdict(source), "segment": manifest.segment} for source in manifest.sources],
    )


def _forget(connection: sqlite3.Connection, manifest: Manifest, position: int) -> None:
    touch_slots(connection, {slot for entry in manifest.files for slot in entry.slots}, position)
    known = connection.execute("select file from files where segment = ?", (manifest.segment,)).fetchall()
    delete_files(connection, [file for (file,) in known])
    _add_counts(connection, manifest, -1)
    for table in ("damage", "late_frozen", "imports", "drift", "segments"):
        connection.execute(f"delete from {table} where segment = ?", (manifest.segment,))  # noqa: S608 - constants


def _add_counts(connection: sqlite3.Connection, manifest: Manifest, sign: int) -> None:
    _add_rows(connection, manifest.counts, manifest.arrivals, sign)


def _add_rows(
    connection: sqlite3.Connection, counts: Sequence[DeviceCounts], arrivals: Mapping[int, int], sign: int
) -> None:
    connection.executemany(
        "insert into counts (hour, device_id, received, landed, quarantined, duplicate, forgotten,"
        " rejected_readings) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set"
        " received = received + excluded.received, landed = landed + excluded.landed,"
        " quarantined = quarantined + excluded.quarantined, duplicate = duplicate + excluded.duplicate,"
        " forgotten = forgotten + excluded.forgotten,"
        " rejected_readings = rejected_readings + excluded.rejected_readings",
        [_signed(row, sign) for row in counts],
    )
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    for hour, messages in arrivals.items():
        sums[hour]["received"] += sign * messages
    for row in counts:
        for name in OUTCOMES:
            sums[row.hour][name] += sign * getattr(row, name)
    connection.executemany(
        "insert into arrivals (hour, received, landed, quarantined, duplicate, forgotten, rejected_readings)"
        " values (?, ?, ?, ?, ?, ?, ?) on conflict do update set"
        " received = received + excluded.received, landed = landed + excluded.landed,"
        " quarantined = quarantined + excluded.quarantined, duplicate = duplicate + excluded.duplicate,"
        " forgotten = forgotten + excluded.forgotten,"
        " rejected_readings = rejected_readings + excluded.rejected_readings",
        [(hour, sum_["received"], *(sum_[name] for name in OUTCOMES)) for hour, sum_ in sums.items()],
    )


def _forget_empty_counts(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Forget hours of devices of a replaced manifest of which nothing is left: the device was read wrongly then."""
    for row in manifest.counts:
        key = (row.hour, row.device_id)
        gone = connection.execute(
            "delete from counts where hour = ? and device_id = ? and received = 0 and landed = 0 and quarantined = 0"
            " and duplicate = 0 and forgotten = 0 and rejected_readings = 0",
            key,
        ).rowcount
        if gone:
            connection.execute("delete from sequences where hour = ? and device_id = ?", key)


def _signed(row: DeviceCounts, sign: int) -> tuple[int | str, ...]:
    numbers = (row.received, row.landed, row.quarantined, row.duplicate, row.forgotten, row.rejected_readings)
    return (row.hour, row.device_id, *(sign * number for number in numbers))


def _add_sequences(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Ranges are only joined, never removed: relanding a segment adds the same ranges."""
    for row in manifest.counts:
        if not row.sequences:
            continue
        key = (row.hour, row.device_id)
        known = connection.execute("select first, last from sequences where hour = ? and device_id = ?", key).fetchall()
        joined = union(known, row.sequences)
        if joined != known:
            connection.execute("delete from sequences where hour = ? and device_id = ?", key)
            connection.executemany(
                "insert into sequences (hour, device_id, first, last) values (?, ?, ?, ?)",
                [(*key, *each) for each in joined],
            )


def _count_late_rows(connection: sqlite3.Connection, manifest: Manifest, late: Mapping[int, int] | None = None) -> None:
    """Count rows below the landing floor in force when they were landed: they are kept and change no table.

    Args:
        connection: open for writing.
        manifest: of the commit.
        late: rows by slot that it brings; None if all of its files are new.
    """
    floor = floor_at(connection, manifest.written_at)
    if floor is None:
        return
    brought: list[Mapping[int, int]] = [entry.slots for entry in manifest.files] if late is None else [late]
    rows = [
        (manifest.segment, slot, count, manifest.written_at)
        for slots in brought
        for slot, count in slots.items()
        if slot < floor
    ]
    connection.executemany(
        "insert into late_frozen (segment, slot_start, rows, committed_at) values (?, ?, ?, ?)"
        " on conflict do update set rows = rows + excluded.rows",
        rows,
    )
