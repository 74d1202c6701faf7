"""Quarantine files of closed hours become one, and whatever happens to their rows is as if they had not."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.files import quarantine_compaction
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import contracts_of, mend, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import open_ledger, quarantine_files, read_ledger
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, ValueSource
from sensor_platform_tests.landing.contents import contents
from sensor_platform_tests.landing.forgets import forgotten, rejects
from sensor_platform_tests.landing.homes import (
    HOUR,
    T0,
    Message,
    land_all,
    mixed_messages,
    seal_segment,
    segment_name,
)
from sensor_platform_tests.landing.requeues import drop, requeue

SEGMENTS = 3
LATER = T0 + 4 * HOUR
NOWHERE = Contract(name="strict", topic="#", device=ValueSource(field=("nowhere",)))
ANY = Contract(name="any", topic="#", device=ValueSource(topic_level=-1))
FIRST = RowSelection(segment=segment_name(1))
CONTRACTS = contracts_of((ANY,), LandingConfig(), date(2010, 1, 1), 10)


def fill(home: Home, contract: Contract = DEFAULT_CONTRACT) -> None:
    for seq in range(1, SEGMENTS + 1):
        seal_segment(home, seq, mixed_messages(seq, 20), received_at=T0 + seq)
    land_all(home, [contract])


def upkeep(home: Home, now: int = LATER) -> None:
    """Compact, and delete what was replaced."""
    keep_house(home, 10, 7, now)
    keep_house(home, 10, 7, now + 2 * HOUR)


def names(home: Home) -> list[str]:
    with read_ledger(home) as ledger:
        return [path.name for path in quarantine_files(ledger, home)] if ledger else []


def test_the_files_of_an_hour_become_one_with_the_same_rows(home: Home) -> None:
    fill(home)
    before = contents(home)
    upkeep(home)
    assert len(names(home)) == len(list(home.quarantine.glob("*/*.parquet"))) == 1
    assert contents(home) == before
    assert rejects(home)["segment"].is_sorted()
    assert verify(home, LATER).missed == ()
    rebuild_ledger(home)
    assert contents(home) == before
    upkeep(home, LATER + 4 * HOUR)
    assert len(names(home)) == 1


def test_files_stay_on_their_day_and_hours_in_their_file(home: Home) -> None:
    midnight = T0 // (24 * HOUR) * 24 * HOUR + 24 * HOUR
    for seq, at in enumerate([T0, T0 + 1, T0 + HOUR, T0 + HOUR + 1, midnight - 1, midnight, midnight + 1], 1):
        seal_segment(home, seq, [Message(b"garbage")] * 2, received_at=at, step=0)
        land_all(home, now=at)
    upkeep(home, midnight + 2 * HOUR)
    found = {str(path.parent.name): len(list(path.parent.iterdir())) for path in home.quarantine.glob("*/*.parquet")}
    assert found == {"2026-03-01": 3, "2026-03-02": 1}
    for path in home.quarantine.glob("*/*.parquet"):
        assert set(pl.read_parquet(path)["received_at"].dt.date().cast(pl.String)) == {path.parent.name}


def test_what_is_large_stays_and_one_run_makes_no_file_larger_than_its_bound(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(0)
    for seq in range(1, 7):
        payload = rng.randbytes(50_000 if seq < 3 else 1000)
        seal_segment(home, seq, [Message(payload)] * 3, received_at=T0 + seq)
    land_all(home)
    *_, small, large, _ = sorted(home.quarantine.glob("*/*.parquet"), key=lambda path: path.stat().st_size)
    row_group = pq.read_metadata(small).row_group(0)
    monkeypatch.setattr(quarantine_compaction, "LARGE_BYTES", large.stat().st_size)
    monkeypatch.setattr(quarantine_compaction, "MOST_BYTES", int(2.5 * row_group.total_byte_size))
    upkeep(home)
    assert len(names(home)) == 4, "two large ones, and two of two segments each"
    assert sum("compact-" in name for name in names(home)) == 2
    assert len(rejects(home)) == 18


def test_files_of_segments_that_were_summed_up_with_their_day_are_compacted_too(home: Home) -> None:
    fill(home)
    with open_ledger(home) as ledger:
        ledger.execute("delete from segments")
    upkeep(home)
    assert len(names(home)) == 1


def of_nobody(home: Home, now: int) -> None:
    """The rows of one segment are requeued, those of another are dropped."""
    requeue(home, ANY, FIRST, now)
    drop(home, RowSelection(segment=segment_name(2), rules=("no_device",)), now + 1)


ACTS: dict[str, Callable[[Home, int], object]] = {
    "requeue one": lambda home, now: requeue(home, ANY, FIRST, now),
    "requeue all": lambda home, now: requeue(home, ANY, now=now),
    "requeue some, then all": lambda home, now: [
        requeue(home, ANY, RowSelection(topic="sensors/topic1"), now),
        requeue(home, ANY, now=now + HOUR),
    ],
    "drop one": lambda home, now: drop(home, FIRST, now),
    "drop a rule": lambda home, now: drop(home, RowSelection(rules=("no_device",)), now),
    "requeue and drop": of_nobody,
    "drop all": lambda home, now: drop(home, now=now),
    "reland one": lambda home, now: reland(home, CONTRACTS, lambda: now, only=[segment_name(1)]),
    "reland all": lambda home, now: reland(home, CONTRACTS, lambda: now),
    "forget a topic": lambda home, now: forgotten(home, ForgetRule(at=now, topic="sensors/topic1"), now),
    "forget all": lambda home, now: forgotten(home, ForgetRule(at=now, topic="sensors/#"), now),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_people_do_gives_the_same_as_without_compaction(home: Home, tmp_path: Path, act: str) -> None:
    other = Home(tmp_path / "other")
    for each in (home, other):
        fill(each, NOWHERE)
    upkeep(home)
    assert len(names(home)) == 1
    for each in (home, other):
        ACTS[act](each, LATER + 4 * HOUR)
    expected = contents(other)
    assert contents(home) == expected
    upkeep(home, LATER + 8 * HOUR)
    assert contents(home) == expected
    assert verify(home, LATER + 12 * HOUR).missed == ()
    assert rebuild_ledger(home).missing == ()
    assert contents(home) == expected


@pytest.mark.parametrize("loss", ["flipped", "gone"])
def test_a_damaged_file_is_made_again_from_the_archive(home: Home, loss: str) -> None:
    fill(home)
    before = contents(home)
    upkeep(home)
    [path] = home.quarantine.glob("*/compact-*.parquet")
    if loss == "gone":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    found = verify(home, LATER + 4 * HOUR)
    assert [each.kind for each in found.damaged] == ["quarantine"]
    contracts = contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)
    assert mend(home, found.damaged, contracts, lambda: LATER + 4 * HOUR).segments == SEGMENTS
    assert contents(home) == before
    assert verify(home, LATER + 4 * HOUR).missed == ()


def test_a_damaged_file_of_a_segment_without_an_archive_is_missed(home: Home) -> None:
    fill(home)
    upkeep(home)
    [path] = home.quarantine.glob("*/compact-*.parquet")
    path.unlink()
    with open_ledger(home) as ledger:
        ledger.execute("delete from files where kind = 'raw' and segment = ?", (segment_name(2),))
    contracts = contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)
    mend(home, verify(home, LATER + 4 * HOUR).damaged, contracts, lambda: LATER + 4 * HOUR)
    missed = verify(home, LATER + 4 * HOUR).missed
    assert [(each.kind, each.segment) for each in missed] == [("quarantine", segment_name(2))]
    assert set(rejects(home)["segment"]) == {segment_name(1), segment_name(3)}
    assert audit(home).difference == 0


def test_a_file_that_differs_from_the_ledger_is_not_replaced(home: Home) -> None:
    fill(home)
    path = next(iter(home.quarantine.glob("*/*.parquet")))
    pl.read_parquet(path).head(1).write_parquet(path)
    with pytest.raises(CheckFailed, match="rows"):
        upkeep(home)
    path.write_bytes(b"no")
    with pytest.raises(CheckFailed, match="cannot be read"):
        upkeep(home)
    path.unlink()
    with pytest.raises(CheckFailed, match="cannot be read"):
        upkeep(home)
    assert len(names(home)) == SEGMENTS
