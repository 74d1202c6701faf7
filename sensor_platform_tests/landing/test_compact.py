"""Compaction makes fewer, larger files with the same rows, dirties nothing, and never hurts a reader."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.files.compaction import CompactionInput, compact, groups
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.ledger import landing_files, newest_position, open_ledger, read_ledger, slots_between
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, mixed_messages, seal_segment, tables

SLOT = 600_000_000


def fill(home: Home, segments: int = 4) -> None:
    for seq in range(1, segments + 1):
        seal_segment(home, seq, mixed_messages(seq), received_at=T0 + seq)
    land_all(home, now=T0 + HOUR // 2)


def visible(home: Home) -> list[Path]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return [file.path for file in landing_files(ledger, home, slots_between(ledger, -(2**62), 2**62))]


def rows(home: Home) -> list[str]:
    return sorted(repr(row) for path in visible(home) for row in pl.read_parquet(path, hive_partitioning=False).rows())


def test_a_closed_hour_becomes_one_file_with_the_same_rows_and_dirties_nothing(home: Home) -> None:
    fill(home)
    before, slots = rows(home), tables(home)["slots"]
    done = keep_house(home, 10, 7, T0 + HOUR)
    assert (done.compacted_files, done.made_files) == (8, 2), "landing and quarantine files"
    assert len(visible(home)) == 1
    assert rows(home) == before
    assert tables(home)["slots"] == slots
    with read_ledger(home) as ledger:
        assert ledger is not None
        assert newest_position(ledger) == 4


def test_the_rows_of_a_compacted_file_are_sorted_across_its_sources(home: Home) -> None:
    fill(home)
    keep_house(home, 10, 7, T0 + HOUR)
    frame = pl.read_parquet(visible(home)[0], hive_partitioning=False)
    frame = frame.with_columns(slot=pl.col("event_at").dt.truncate("10m"))
    order = ["slot", "device_id", "metric", "event_at"]
    assert frame.select(order).equals(frame.select(order).sort(order))
    assert frame["segment"].n_unique() == 4


def test_the_open_hour_and_single_files_are_left_alone(home: Home) -> None:
    fill(home)
    assert keep_house(home, 10, 7, T0 + HOUR - 1).made_files == 0
    keep_house(home, 10, 7, T0 + HOUR)
    assert keep_house(home, 10, 7, T0 + 2 * HOUR).made_files == 0


def test_replaced_files_stay_for_an_hour(home: Home) -> None:
    fill(home)
    old = visible(home)
    keep_house(home, 10, 7, T0 + HOUR)
    assert keep_house(home, 10, 7, T0 + 2 * HOUR).deleted_files == 0
    assert all(path.exists() for path in old)
    assert keep_house(home, 10, 7, T0 + 2 * HOUR + 1).deleted_files == 8
    assert not any(path.exists() for path in old)
    made = [path for kind in ("landing", "quarantine", "raw") for path in home.root.glob(f"{kind}/*/*")]
    assert len(tables(home)["files"]) == len(made) == 6


def test_a_segment_whose_wal_is_still_there_is_not_compacted(home: Home) -> None:
    fill(home)
    (home.wal / "col-1772366400000-00000002.wal").touch()
    assert keep_house(home, 10, 7, T0 + HOUR).compacted_files == 6


def test_a_file_that_does_not_hold_what_the_ledger_says_is_not_replaced(home: Home) -> None:
    fill(home)
    path = visible(home)[0]
    frame = pl.read_parquet(path, hive_partitioning=False)
    frame.head(len(frame) - 1).write_parquet(path)
    with open_ledger(home) as ledger, pytest.raises(CheckFailed, match="rows"):
        compact(home, ledger, SLOT, T0 + HOUR)
    assert len(visible(home)) == 4


def test_another_slot_length_than_the_ledgers_is_noticed(home: Home) -> None:
    fill(home)
    with open_ledger(home) as ledger, pytest.raises(CheckFailed, match="slots"):
        compact(home, ledger, 2 * SLOT, T0 + HOUR)
    assert len(visible(home)) == 4


def test_the_raw_archive_is_kept_for_the_days_that_were_asked(home: Home) -> None:
    fill(home)
    day = 24 * HOUR
    midnight = T0 // day * day
    assert keep_house(home, 10, 7, midnight + 9 * day).expired_raw == 0, "nothing has arrived since, whatever the clock"
    for age in range(1, 9):
        seal_segment(home, 90 + age, [Message(b"{}")], received_at=midnight + age * day)
        land_all(home, now=midnight + age * day)
    assert keep_house(home, 10, 7, midnight + 8 * day - 1).expired_raw == 0
    assert keep_house(home, 10, 7, midnight + 8 * day).expired_raw == 4
    assert len(list(home.raw.glob("*/*.zst"))) == 8
    assert sum(row[2] == "raw" for row in tables(home)["files"]) == 8


@pytest.mark.parametrize("jump", [-24 * HOUR, HOUR, 240 * HOUR, 3 * 365 * 24 * HOUR])
def test_hours_are_closed_whatever_the_clock_said_once(home: Home, jump: int) -> None:
    """A segment stamped by a wrong clock between two hours; those of the wrong hour are compacted too."""
    for number, at in enumerate([T0, T0 + 1, T0 + HOUR + jump, T0 + HOUR + jump + 1, T0 + HOUR, T0 + HOUR + 1], 1):
        seal_segment(home, number, [Message(b'{"id": "d", "t": 1}')], received_at=at)
        land_all(home, now=at)
    keep_house(home, 10, 7, T0 + HOUR + HOUR // 2)
    assert len(visible(home)) == 4, "two closed hours, and two segments of the open one"


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 2)), max_size=30))
def test_groups_keep_order_hour_and_size(sizes: list[tuple[int, int]]) -> None:
    sizes.sort(key=lambda pair: pair[1])
    sources = [CompactionInput(f"f{number}", f"s{number}", rows, hour) for number, (rows, hour) in enumerate(sizes)]
    found = list(groups(sources, 60))
    assert all(len(group) > 1 for group in found)
    assert all(len({source.hour for source in group}) == 1 for group in found)
    assert all(sum(source.rows for source in group) <= 60 for group in found)
    grouped = [source for group in found for source in group]
    assert grouped == [source for source in sources if source in grouped]
    alone = [source for source in sources if source not in grouped]
    for source in alone:
        later = sources[sources.index(source) + 1 :]
        if later and later[0].hour == source.hour:
            assert source.rows + later[0].rows > 60 or later[0] in grouped or later[0] in alone
