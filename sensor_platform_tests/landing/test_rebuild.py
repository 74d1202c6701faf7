"""The ledger can be made again from its manifests, and says the same as before, under a new generation."""

import sqlite3
from pathlib import Path

import pytest

from sensor_platform.errors import CheckFailed, Unreachable
from sensor_platform.home import Home
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger import generation, open_ledger, read_ledger
from sensor_platform_tests.landing.homes import HOUR, T0, land_all, mixed_messages, seal_segment, tables


def fill(home: Home) -> None:
    """Segments of two hours, the first hour compacted, its sources deleted; then more of the second hour."""
    for seq in range(1, 4):
        seal_segment(home, seq, mixed_messages(seq), received_at=T0 + seq)
    land_all(home, now=T0 + HOUR // 2)
    keep_house(home, 10, 7, T0 + HOUR)
    for seq in range(4, 7):
        seal_segment(home, seq, mixed_messages(seq), received_at=T0 + HOUR + seq)
    land_all(home, now=T0 + HOUR + HOUR // 2)


def generation_of(home: Home) -> str:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return generation(ledger)


@pytest.mark.parametrize("harm", ["deleted", "damaged", "emptied", "none"])
@pytest.mark.parametrize("upkeep_at", [None, T0 + HOUR + HOUR // 2, T0 + 4 * HOUR, T0 + 6 * HOUR, T0 + 20 * 24 * HOUR])
def test_a_rebuilt_ledger_equals_the_one_that_was_lost(home: Home, harm: str, upkeep_at: int | None) -> None:
    fill(home)
    if upkeep_at is not None:
        keep_house(home, 10, 7, upkeep_at)
    before, was = tables(home), generation_of(home)
    if harm == "deleted":
        for path in home.ledger.glob("ledger.sqlite*"):
            path.unlink()
    elif harm == "damaged":
        home.ledger_file.write_bytes(b"not a database " * 1000)
    elif harm == "emptied":
        home.ledger_file.write_bytes(b"")
    rebuilt = rebuild_ledger(home)
    assert rebuilt.segments == 6
    assert rebuilt.missing == ()
    assert tables(home) == before
    assert generation_of(home) != was


def test_a_damaged_ledger_is_reported_with_the_remedy(home: Home) -> None:
    fill(home)
    home.ledger_file.write_bytes(b"not a database " * 1000)
    with pytest.raises(Unreachable, match="ledger") as caught, open_ledger(home):
        pass
    assert "--rebuild-ledger" in caught.value.hint


def test_a_damaged_manifest_stops_the_rebuild_and_changes_nothing(home: Home) -> None:
    fill(home)
    before = tables(home)
    path = next((home.ledger / "segments").iterdir())
    path.write_text(path.read_text()[:-10])
    with pytest.raises(CheckFailed, match=path.name):
        rebuild_ledger(home)
    assert tables(home) == before


def test_a_lost_landing_file_is_reported(home: Home) -> None:
    fill(home)
    lost = next(iter(sorted(home.landing.glob("*/*-00000005.parquet"))))
    lost.unlink()
    assert rebuild_ledger(home).missing == (str(lost.relative_to(home.root)),)


def test_a_segment_with_a_manifest_but_no_commit_is_taken_and_its_wal_only_deleted(home: Home) -> None:
    sealed = seal_segment(home, 1, mixed_messages(1))
    content = sealed.read_bytes()
    land_all(home)
    expected = tables(home)
    connection = sqlite3.connect(home.ledger_file)
    for table in ("segments", "files", "file_slots", "slots", "counts", "arrivals", "commit_days", "day_marks"):
        connection.execute(f"delete from {table}")
    connection.commit()
    connection.close()
    sealed.write_bytes(content)
    rebuild_ledger(home)
    land_all(home)
    assert tables(home) == expected
    assert not sealed.exists()


def test_a_compaction_that_overlaps_another_is_passed_over(home: Home) -> None:
    fill(home)
    keep_house(home, 10, 7, T0 + HOUR)
    manifests = sorted((home.ledger / "compactions").glob("*.json"))
    assert len(manifests) == 2, "of landing and of quarantine"
    before = tables(home)
    for number, first in enumerate(manifests):
        stale = first.with_name(f"compact-zzz{number}.json")
        stale.write_text(first.read_text().replace('"written_at":', '"written_at":9'))
    rebuild_ledger(home)
    assert tables(home) == before


def test_an_empty_home_rebuilds_to_an_empty_ledger(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert rebuild_ledger(home).segments == 0
    assert tables(home)["segments"] == []
