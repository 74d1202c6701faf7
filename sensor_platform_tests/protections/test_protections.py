"""Each protection taken away once, in a copy of the tree: the test that guards it must fail, and pass before.

A protective test that was never seen to fail proves nothing. What stands here is the list of what holds the promises,
and of the tests that would notice if it were gone. Tests run in processes of their own, with the copy on their path.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensor_platform_tests.copied_tree import ROOT, copy_tree


@dataclass(frozen=True)
class Protection:
    """One protection: where it stands, what is left of it when it is taken away, and who notices."""

    name: str
    file: str
    text: str
    instead: str
    test: str


def protection(name: str, file: str, text: str, instead: str, test: str) -> Protection:
    return Protection(name, file, text, instead, f"sensor_platform_tests/{test}")


PROTECTIONS = (
    protection(
        "a message is answered only after its fsync",
        "sensor_platform/wal/segment_writer.py",
        "        flush(self._fd)\n        self.committed = self.size",
        "        self.committed = self.size",
        "wal/test_failing_disk.py::test_whatever_step_fails_for_a_while_every_message_is_stored_once"
        "_and_answered_only_when_durable",
    ),
    protection(
        "a write that comes back short is continued",
        "sensor_platform/kernel/durable.py",
        "        view = view[written:]",
        "        view = view[len(view):]",
        "kernel/test_durable.py::test_short_writes_lose_no_byte",
    ),
    protection(
        "a rollback that fails does not hide the error before it",
        "sensor_platform/kernel/sqlite.py",
        "with contextlib.suppress(sqlite3.Error):",
        "with contextlib.nullcontext():",
        "kernel/test_sqlite.py::test_a_full_disk_shows_its_own_error_and_leaves_the_connection_usable",
    ),
    protection(
        "a file is on disk before its name is",
        "sensor_platform/kernel/durable.py",
        "            flush(fd)\n        finally:\n            os.close(fd)\n        os.replace",
        "            pass\n        finally:\n            os.close(fd)\n        os.replace",
        "landing/test_durable_order.py::test_everything_is_on_disk_before_the_commit_and_the_wal_goes_after_it",
    ),
    protection(
        "the WAL goes after the ledger commit",
        "sensor_platform/landing/lander.py",
        "            write_manifest(self.home, manifest)\n            with contextlib.suppress(RulesChanged):",
        "            write_manifest(self.home, manifest)\n            sealed.unlink()\n"
        "            with contextlib.suppress(RulesChanged):",
        "landing/test_durable_order.py::test_everything_is_on_disk_before_the_commit_and_the_wal_goes_after_it",
    ),
    protection(
        "the ledger waits for the disk",
        "sensor_platform/landing/ledger/schema.py",
        'synchronous="full"',
        'synchronous="normal"',
        "landing/test_durable_order.py::test_the_ledger_waits_for_the_disk_at_every_commit",
    ),
    protection(
        "a torn tail is cut at the last whole frame",
        "sensor_platform/wal/recovery.py",
        "seal_file(path, kept, sealed)",
        "seal_file(path, size, sealed)",
        "wal/test_segment_files.py::test_a_tail_torn_at_any_byte_is_cut_at_the_last_whole_frame",
    ),
    protection(
        "a frame is believed by its checksum",
        "sensor_platform/wal/frames.py",
        "if len(body) < length or zlib.crc32(body, zlib.crc32(head[: _HEAD.size])) != crc:",
        "if len(body) < length:",
        "wal/test_segment_files.py::test_a_flipped_bit_is_never_read_as_data",
    ),
    protection(
        "dup alone is no duplicate",
        "sensor_platform/collect/mqtt/redelivery.py",
        "    if is_session_present and is_same and not is_recycling:",
        "    if is_dup:",
        "collect/test_redelivery.py::test_truth_table",
    ),
    protection(
        "what a kill left half done is looked at before the WAL goes",
        "sensor_platform/landing/lander.py",
        "if manifest is not None and self._is_whole(manifest):",
        "if manifest is not None:",
        "landing/test_recovery.py::test_a_known_segment_whose_files_are_not_whole_is_landed_again",
    ),
    protection(
        "the checksum of every file is verified",
        "sensor_platform/landing/integrity/damage.py",
        "return None if sha256(path) == known.sha256 else",
        "return None if known.sha256 else",
        "landing/test_verify.py::test_a_harmed_landing_file_is_set_aside_and_its_neighbours_are_read",
    ),
    protection(
        "a requeued message keeps its receive time",
        "sensor_platform/landing/quarantine/redecode.py",
        '        messages["received_at"].cast(pl.Datetime("us")).cast(pl.Int64).to_list(),',
        '        [at + 1_000_000 for at in messages["received_at"].cast(pl.Datetime("us")).cast(pl.Int64).to_list()],',
        "landing/test_requeue.py::test_what_is_good_now_lands_with_its_own_receive_time_and_reopens_its_slots",
    ),
    protection(
        "the same bytes are imported once",
        "sensor_platform/imports/import_files.py",
        "[file for file in imported(ledger) if file.sha256 in sources]",
        '[file for file in imported(ledger) if file.sha256 + "x" in sources]',
        "imports/test_import.py::test_the_same_bytes_are_imported_once_under_any_name",
    ),
    protection(
        "a window is dirty by the position of what touched it",
        "sensor_platform/warehouse/staleness/propagation.py",
        " or own.position < new.position",
        "",
        "warehouse/test_propagation.py::test_a_later_build_makes_exactly_the_windows_that_depend_on_what_came",
    ),
    protection(
        "positions of another generation are not compared",
        "sensor_platform/warehouse/staleness/propagation.py",
        "own is None or own.generation != new.generation or ",
        "own is None or ",
        "warehouse/test_propagation.py::test_another_generation_makes_everything_dirty_and_empties_what_is_gone",
    ),
    protection(
        "a window is recorded with its rows and never before them",
        "dbt_project/dbt_project.yml",
        '      +post-hook:\n        - sql: "{{ record_state() }}"\n          transaction: true',
        '      +pre-hook:\n        - sql: "{{ record_state() }}"\n          transaction: false',
        "warehouse/test_build_crash.py::test_a_build_killed_at_any_commit_is_healed_by_the_next",
    ),
    protection(
        "one writer at a time",
        "sensor_platform/kernel/locks.py",
        "fcntl.flock(self._fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(self._fd, fcntl.LOCK_SH if wait else fcntl.LOCK_SH | fcntl.LOCK_NB)",
        "warehouse/test_lock.py::test_two_in_one_process_exclude_each_other",
    ),
    protection(
        "repeats are removed as far as the horizon",
        "dbt_project/models/intermediate/int_readings_deduped.sql",
        "event_at - same_message_at >= {{ slot_length() }}",
        "event_at - same_message_at >= 3 * {{ slot_length() }}",
        "warehouse/test_build_truth.py::test_a_message_without_its_own_time_is_a_repeat_for_one_slot",
    ),
    protection(
        "sums do not depend on the order of rows",
        "dbt_project/macros/exact.sql",
        "  sum(cast({{ term }} * {{ name }}_up * {{ name }}_on as hugeint))",
        "  sum({{ term }} * {{ name }}_up * {{ name }}_on)",
        "warehouse/test_build_rerun.py::test_many_threads_make_the_same_bits_whatever_the_files",
    ),
    protection(
        "nothing is built below the landing floor",  # both the ledger's slots and the work list leave it out
        "sensor_platform/landing/ledger/horizon.py",
        "(FLOOR, str(newest))]",
        "(FLOOR, str(0 * newest))]",
        "retention/test_retention.py::test_late_readings_below_the_floor_are_counted_and_change_nothing",
    ),
    protection(
        "retention proves a day before it deletes it",
        "sensor_platform/retention/warehouse_tiers.py",
        "            elif differing.get(start):",
        "            elif not start and differing.get(start):",
        "retention/test_retention.py::test_what_does_not_agree_is_kept_and_said",
    ),
    protection(
        "a published piece is replaced by rename",
        "sensor_platform/warehouse/published/partition_files.py",
        "            source.rename(temporary)",
        "            path.write_bytes(source.read_bytes()[:1000])\n            source.rename(temporary)",
        "warehouse/test_publish_readers.py::test_twenty_readers_through_many_publishes_see_no_error_and_no_half_piece",
    ),
    protection(
        "a piece is recorded after it is there",
        "sensor_platform/warehouse/publish.py",
        "        done = partition_files.write_files(connection, home.published, model, slot, batch)\n",
        "        _record(home, connection, model, {start: due[start] for start in batch})\n"
        "        done = partition_files.write_files(connection, home.published, model, slot, batch)\n",
        "warehouse/test_publish_crash.py::test_a_publish_killed_at_any_rename_is_completed_by_the_next",
    ),
    protection(
        "what a build records is published",
        "dbt_project/macros/work.sql",
        "insert into unpublished (model, window_start) select",
        "select",
        "warehouse/test_publish.py::test_only_pieces_that_changed_are_written",
    ),
    protection(
        "a final window that changes says so",
        "dbt_project/macros/revision.sql",
        "set revision = final_rows.revision + case",
        "set revision = final_rows.revision + 0 * case",
        "warehouse/test_revisions.py::test_an_open_window_changes_without_a_revision_and_a_final_one_raises_it_by_one",
    ),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what tests need, without what was generated."""
    copy = tmp_path_factory.mktemp("tree")
    copy_tree(ROOT, copy)
    return copy


def run_test(tree: Path, test: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-x", "-q", "-p", "no:cacheprovider", "-n", "0", "-m", "soak or not soak", f"--basetemp={folder}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, test],
        cwd=tree,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_protection_stands_where_the_list_says_and_its_test_exists() -> None:
    for each in PROTECTIONS:
        assert (ROOT / each.file).read_text().count(each.text) == 1, each.name
        path, _, test = each.test.partition("::")
        assert f"def {test}(" in (ROOT / path).read_text(), each.name


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("broken", PROTECTIONS, ids=lambda each: each.name.replace(" ", "_"))
def test_a_protection_that_is_gone_is_noticed(tree: Path, tmp_path: Path, broken: Protection) -> None:
    before = run_test(tree, broken.test, tmp_path / "before")
    assert before.returncode == 0, before.stdout[-3000:]
    path = tree / broken.file
    whole = path.read_text()
    path.write_text(whole.replace(broken.text, broken.instead))
    try:
        after = run_test(tree, broken.test, tmp_path / "after")
    finally:
        path.write_text(whole)
    assert after.returncode == pytest.ExitCode.TESTS_FAILED, after.stdout[-3000:]
    assert " failed" in after.stdout
