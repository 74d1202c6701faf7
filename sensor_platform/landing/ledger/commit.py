"""Commits of segments: a new one, another result in the place of one, its sums again, its withdrawal."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping

from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import segment_rows
from sensor_platform.landing.ledger.commit_checks import check_committed, check_rules, check_visible
from sensor_platform.landing.ledger.count_rows import add_manifest_counts, add_sequences, delete_empty_counts
from sensor_platform.landing.ledger.decoder_memory import add_kinds, save_births
from sensor_platform.landing.ledger.file_rows import delete_files, hide_files, insert_file, replace_files
from sensor_platform.landing.ledger.heard import note_heard
from sensor_platform.landing.ledger.manifest import HeardDevice, Manifest
from sensor_platform.landing.ledger.slot_positions import next_position, touch_slots
from sensor_platform.landing.ledger.summing import split_off
from sensor_platform.reading.memory import Memory


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
            save_births(connection, memory)
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
    segment_rows.insert_segment_row(connection, manifest, position, max(manifest.arrivals, default=None))
    for entry in manifest.files:
        insert_file(connection, manifest.segment, entry)
    replace_files(connection, manifest.replaces, manifest.written_at)
    touch_slots(connection, _slots(manifest).union(also_touched), position)
    add_manifest_counts(connection, manifest)
    add_sequences(connection, manifest)
    segment_rows.count_late_rows(connection, manifest)
    segment_rows.add_sources(connection, manifest)
    segment_rows.add_facts(connection, manifest)
    add_kinds(connection, manifest.kinds)
    return position


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
    segment_rows.replace_segment_row(connection, new, position)
    before, after = ({entry.file: entry for entry in manifest.files} for manifest in (old, new))
    for file, entry in after.items():
        if file not in before and file not in held:
            insert_file(connection, new.segment, entry)
    hide_files(connection, new.segment, [file for file in before if file not in after], new.written_at)
    touch_slots(connection, _slots(old) | _slots(new) if slots is None else slots, position)
    add_manifest_counts(connection, old, -1)
    add_manifest_counts(connection, new)
    delete_empty_counts(connection, old)
    add_sequences(connection, new)
    if late is None:
        segment_rows.delete_late_rows(connection, new.segment)
    segment_rows.count_late_rows(connection, new, late)
    segment_rows.delete_facts_of(connection, new.segment)
    segment_rows.add_facts(connection, new)
    add_kinds(connection, new.kinds)
    return position


def update_segment(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Set the sums of a committed segment, and its imported files, as its manifest has them; not its files."""
    segment_rows.update_sums(connection, manifest)
    segment_rows.replace_sources(connection, manifest)


def withdraw_segment(connection: sqlite3.Connection, segment: str) -> None:
    """Remove a commit, but not its files and counts; within the caller's transaction."""
    connection.execute(
        "delete from held_slots where file in (select file from damaged_files where segment = ?)", (segment,)
    )
    connection.execute("delete from damaged_files where segment = ?", (segment,))
    segment_rows.delete_segment_rows(connection, segment)


def _forget(connection: sqlite3.Connection, manifest: Manifest, position: int) -> None:
    touch_slots(connection, _slots(manifest), position)
    known = connection.execute("select file from files where segment = ?", (manifest.segment,)).fetchall()
    delete_files(connection, [file for (file,) in known])
    add_manifest_counts(connection, manifest, -1)
    segment_rows.delete_segment_rows(connection, manifest.segment)


def _slots(manifest: Manifest) -> set[int]:
    return {slot for entry in manifest.files for slot in entry.slots}
