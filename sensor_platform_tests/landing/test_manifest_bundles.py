"""Manifests of closed hours are in bundles; days of which only compacted files are left are summed up."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.housekeeping import delete_with_ledger, keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger import DeviceCounts, Manifest, open_ledger, read_ledger, totals, write_manifest
from sensor_platform.landing.ledger.manifest import manifest_path, read_manifest
from sensor_platform.landing.ledger.summing import is_committed, split_off, summed_day
from sensor_platform.landing.manifests.bundle_paths import bundle_keys
from sensor_platform.landing.manifests.bundle_writing import write_bundle
from sensor_platform.landing.manifests.bundles import Bundle, read_bundle
from sensor_platform.landing.manifests.counts_table import counts_table, device_counts, summed
from sensor_platform.landing.manifests.manifest_store import find_manifest, remove_manifest
from sensor_platform.landing.sequences import union
from sensor_platform_tests.landing.crash_client import CrashServer, copy
from sensor_platform_tests.landing.homes import (
    HOUR,
    T0,
    Message,
    files,
    land_all,
    seal_segment,
    segment_name,
    tables,
)

LATER = T0 + 10 * DAY


def counted(seq: int, *numbers: int) -> list[Message]:
    """Messages of a device that counts, and one that is refused."""
    return [Message(b'{"id":"a","seq":%d,"t":%d}' % (n, seq)) for n in numbers] + [Message(b"garbage")]


@pytest.fixture
def old(home: Home) -> Home:
    """Six segments of three hours of one day, one of the next week; number 5 of the device never came."""
    for seq in range(1, 7):
        at = T0 + seq // 2 * HOUR
        seal_segment(home, seq, counted(seq, seq if seq < 5 else seq + 1), received_at=at)
        land_all(home, now=at + 1_000_000)
    seal_segment(home, 7, counted(7, 8), received_at=LATER - HOUR)
    land_all(home, now=LATER - HOUR + 1_000_000)
    return home


def compacted(home: Home) -> None:
    """Everything is compacted and bundled, and the raw archive of the first day has expired."""
    for at in (T0 + 5 * HOUR, T0 + 8 * HOUR, LATER):
        keep_house(home, 10, 7, at)
    with open_ledger(home) as ledger:
        raw = [str(path.relative_to(home.root)) for path in home.raw.glob("2026-03-01/*")]
        delete_with_ledger(home, ledger, raw)


def upkeep(home: Home) -> None:
    """What hourly housekeeping does in ten days."""
    compacted(home)
    for at in (LATER + HOUR, LATER + 3 * HOUR):
        keep_house(home, 10, 7, at)


def said(home: Home) -> object:
    """What an audit says, of all and of one device, and the sums of status."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        return audit(home), audit(home, device_id="a"), audit(home, (T0 + HOUR, T0 + 2 * HOUR), "a"), totals(ledger)


def test_an_old_day_leaves_one_bundle_one_file_of_counts_and_no_rows(old: Home) -> None:
    before = said(old)
    upkeep(old)
    assert said(old) == before
    assert bundle_keys(old)[0] == "2026-03-01"
    assert not (old.ledger / "bundles" / "2026-03-01").exists()
    assert [path.name for path in (old.ledger / "counts").iterdir()] == ["2026-03-01.parquet"]
    found = tables(old)
    assert [row[0] for row in found["segments"]] == [segment_name(7)]
    assert found["segment_ranges"] == [("col-1772366400000", 1, 6, T0 // DAY * DAY)]
    assert {row[0] for row in found["counts"]} == {LATER - HOUR}
    assert found["commit_days"][0][:3] == (T0 // DAY, 6, 12)


def test_segments_of_summed_days_are_known_and_others_are_not(old: Home) -> None:
    upkeep(old)
    with read_ledger(old) as ledger:
        assert ledger is not None
        assert [is_committed(ledger, segment_name(n)) for n in (0, 1, 6, 7, 8)] == [False, True, True, True, False]
        assert not is_committed(ledger, "col-1772366400001-00000001")
        assert not is_committed(ledger, "import-0123")


def test_a_wal_that_was_left_for_long_is_not_landed_again(old: Home) -> None:
    upkeep(old)
    before = said(old)
    sealed = seal_segment(old, 3, counted(3, 3), received_at=T0 + HOUR)
    land_all(old, now=LATER + 4 * HOUR)
    assert not sealed.exists()
    assert said(old) == before


@pytest.mark.parametrize("is_lost", [True, False])
@pytest.mark.parametrize("until", [T0 + 5 * HOUR, T0 + 8 * HOUR, None])
def test_a_ledger_made_again_from_bundles_says_the_same(old: Home, until: int | None, is_lost: bool) -> None:
    if until is None:
        upkeep(old)
    else:
        keep_house(old, 10, 30, until)
    before, expected = said(old), tables(old, but=("segments", "slots", "verified"))
    if is_lost:
        for path in old.ledger.glob("ledger.sqlite*"):
            path.unlink()
    rebuilt = rebuild_ledger(old)
    assert (rebuilt.segments, rebuilt.missing) == (7, ())
    assert said(old) == before
    assert tables(old, but=("segments", "slots", "verified")) == expected


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_summing_stopped_at_any_step_ends_as_if_undisturbed(
    old: Home, tmp_path: Path, server: CrashServer, every: int
) -> None:
    compacted(old)
    whole = copy(old, tmp_path / "whole")
    now = LATER + 3 * HOUR
    undisturbed = server.run(whole, "upkeep", now=now)
    assert undisturbed["error"] is None
    assert server.run(whole, "upkeep", now=now)["error"] is None  # quarantine files of a day that is summed up now
    expected = tables(whole), files(whole)
    assert "2026-03-01" in bundle_keys(whole)
    for step in range(1, undisturbed["steps"] + 1, every):
        broken = copy(old, tmp_path / f"at-{step}")
        server.run(broken, "upkeep", step, "kill", now)
        assert audit(broken).difference == 0
        again = copy(broken, tmp_path / f"rebuilt-{step}")
        rebuild_ledger(again)
        assert said(again) == said(whole), f"the ledger was made again after a stop at step {step}"
        for _ in range(2):
            assert server.run(broken, "upkeep", now=now)["error"] is None
        assert tables(broken) == expected[0], f"stopped at step {step} of {undisturbed['steps']}"
        assert files(broken) == expected[1], f"stopped at step {step} of {undisturbed['steps']}"
        shutil.rmtree(broken.root)
        shutil.rmtree(again.root)


def test_manifests_are_found_wherever_they_are(old: Home) -> None:
    written = {n: read_manifest(manifest_path(old, segment_name(n))) for n in (1, 6, 7)}
    keep_house(old, 10, 7, T0 + 8 * HOUR)
    with open_ledger(old) as ledger:
        assert not manifest_path(old, segment_name(1)).exists()
        for n, manifest in written.items():
            assert find_manifest(old, ledger, segment_name(n)) == manifest
        remove_manifest(old, segment_name(6))
        assert find_manifest(old, ledger, segment_name(6)) is None
    keep_house(old, 10, 7, T0 + 9 * HOUR)
    assert all(segment_name(6) not in read_bundle(old, key).manifests for key in bundle_keys(old))
    assert not list((old.ledger / "segments").glob("*.gone"))


def test_a_manifest_in_its_own_file_takes_the_place_of_the_bundled_one(old: Home) -> None:
    keep_house(old, 10, 7, T0 + 8 * HOUR)
    with open_ledger(old) as ledger:
        manifest = find_manifest(old, ledger, segment_name(1))
        assert manifest is not None
        changed = Manifest(**{name: getattr(manifest, name) for name in manifest.__struct_fields__} | {"damage": ()})
        write_manifest(old, changed)
    keep_house(old, 10, 7, T0 + 9 * HOUR)
    keys = [key for key in bundle_keys(old) if segment_name(1) in read_bundle(old, key).manifests]
    assert len(keys) == 1
    assert not manifest_path(old, segment_name(1)).exists()


def test_a_segment_that_changes_after_its_day_was_summed_has_a_row_again(old: Home) -> None:
    upkeep(old)
    before = said(old)
    with open_ledger(old) as ledger:
        manifest = find_manifest(old, ledger, segment_name(3))
        assert manifest is not None
        assert manifest.counts == ()
        split_off(ledger, manifest, 1000)
        assert summed_day(ledger, segment_name(3)) is None
        assert [is_committed(ledger, segment_name(n)) for n in (2, 3, 4)] == [True] * 3
    assert said(old) == before


def test_a_newer_or_damaged_bundle_is_refused(old: Home) -> None:
    keep_house(old, 10, 7, T0 + 8 * HOUR)
    key = bundle_keys(old)[0]
    bundle = read_bundle(old, key)
    path = old.ledger / "bundles" / f"{key}.jsonl.zst"
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    with pytest.raises(CheckFailed, match="bundle"):
        read_bundle(old, key)
    import zstandard

    text = zstandard.ZstdDecompressor().decompress(content).split(b"\n")
    header = json.loads(text[0]) | {"format": 9}
    path.write_bytes(zstandard.compress(b"\n".join([json.dumps(header).encode(), *text[1:]])))
    with pytest.raises(WrongUse, match="has format 9"):
        read_bundle(old, key)
    write_bundle(old, key, bundle)
    assert read_bundle(old, key).manifests == bundle.manifests


RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=3).map(
    lambda pairs: tuple(union((first, first + more) for first, more in pairs))
)
COUNTS = st.builds(
    DeviceCounts,
    hour=st.sampled_from([0, HOUR]),
    device_id=st.sampled_from(["a", "b", ""]),
    received=st.integers(-5, 5),
    landed=st.integers(-5, 5),
    quarantined=st.integers(-5, 5),
    duplicate=st.integers(-5, 5),
    rejected_readings=st.integers(-5, 5),
    first_sequence=st.none() | st.integers(0, 9),
    last_sequence=st.none() | st.integers(0, 9),
    sequences=RANGES,
    forgotten=st.integers(-5, 5),
)


def commit(number: int, counts: list[DeviceCounts]) -> Manifest:
    """A commit of these counts."""
    return Manifest(
        segment=segment_name(number), written_at=number, contract_version="", messages=0, landed=0, quarantined=0,
        duplicate=0, readings=0, rejected_readings=0, newest_event_at=None, files=(), counts=tuple(counts), arrivals={},
    )  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.lists(COUNTS, max_size=4, unique_by=lambda row: (row.hour, row.device_id)), max_size=4))
def test_counts_come_back_as_they_were_and_sums_are_sums(several: list[list[DeviceCounts]]) -> None:
    manifests = [commit(number, counts) for number, counts in enumerate(several)]
    table = counts_table(manifests)
    for manifest in manifests:
        assert device_counts(table.filter(table["segment"] == manifest.segment)) == manifest.counts
    rows = [row for counts in several for row in counts]
    for row in device_counts(summed(table)):
        some = [each for each in rows if (each.hour, each.device_id) == (row.hour, row.device_id)]
        assert row.received == sum(each.received for each in some)
        assert row.forgotten == sum(each.forgotten for each in some)
        assert row.sequences == tuple(union(*(each.sequences for each in some)))
    assert len(summed(table)) == len({(row.hour, row.device_id) for row in rows})


def test_an_empty_bundle_is_deleted(home: Home) -> None:
    bundle = Bundle()
    bundle.add([commit(1, [])])
    write_bundle(home, "2026-03-01/05", bundle)
    assert bundle_keys(home) == ["2026-03-01/05"]
    bundle.remove([segment_name(1)])
    write_bundle(home, "2026-03-01/05", bundle)
    assert bundle_keys(home) == []
    assert read_bundle(home, "2026-03-01/05").manifests == {}
