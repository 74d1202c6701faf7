"""Requeue and drop: what lands, when it was received, which slots reopen, and that every message keeps one fate."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.home import Home
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger import newest_position, read_ledger, slots_after, totals
from sensor_platform.landing.quarantine.listing import chosen_rows, waiting
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform_tests.landing.homes import (
    HOUR,
    T0,
    files,
    land_all,
    mixed_messages,
    seal_segment,
    tables,
)
from sensor_platform_tests.landing.requeues import LATER, LOOSE, STRICT, drop, fill, requeue


def landed(home: Home) -> list[tuple[object, ...]]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        names = ledger.execute("select file from files where kind = 'landing' and replaced_at is null").fetchall()
    frames = [pl.read_parquet(home.root / name, hive_partitioning=False) for (name,) in names]
    columns = ("segment", "position", "device_id", "metric", "event_at", "received_at", "value", "text")
    return sorted((row for frame in frames for row in frame.select(columns).iter_rows()), key=repr)


def rules(home: Home) -> list[tuple[str, str]]:
    return sorted(chosen_rows(home, RowSelection()).select("rule", "scope").iter_rows())


def without_positions(state: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """A ledger made anew counts its positions anew."""
    segments = [(name, *rest) for name, _, *rest in state["segments"]]
    return state | {"segments": segments, "slots": [row[:1] for row in state["slots"]]}


def fates(home: Home) -> tuple[int, int, int, int]:
    found = audit(home)
    assert found.difference == 0
    (hour,) = found.hours
    with read_ledger(home) as ledger:
        assert ledger is not None
        sums = totals(ledger)
    assert (sums.landed, sums.quarantined, sums.rejected_readings) == (
        hour.landed,
        hour.quarantined,
        hour.rejected_readings,
    )
    return hour.received, hour.landed, hour.quarantined, hour.rejected_readings


def landed_by_device(home: Home) -> dict[str, int]:
    return {device: landed for _, device, _, landed, *_ in tables(home)["counts"] if landed}


def test_what_is_good_now_lands_with_its_own_receive_time_and_reopens_its_slots(home: Home) -> None:
    fill(home)
    assert fates(home) == (6, 2, 4, 1)
    before = landed(home)
    with read_ledger(home) as ledger:
        assert ledger is not None
        position = newest_position(ledger)
    (done,) = requeue(home, LOOSE)
    assert (done.chosen, done.landed_messages, done.landed_readings) == (5, 2, 3)
    received = [datetime.fromtimestamp((T0 + step * 1000) / 1e6, UTC).replace(tzinfo=None) for step in range(3)]
    two_days_ago = (datetime.fromtimestamp(T0 / 1e6, UTC) - timedelta(days=2)).replace(tzinfo=None)
    new = [row[1:] for row in landed(home) if row not in before]
    assert new == [
        (0, "a", "t", received[0], received[0], 1.0, None),
        (1, "b", "s", received[0], received[0], None, "on"),
        (4, "d", "t", two_days_ago, received[2], 5.0, None),
    ]
    assert {row[0] for row in landed(home)} == {"col-1772366400000-00000001"}
    assert fates(home) == (6, 4, 2, 0)
    assert rules(home) == [("no_device", "message"), ("undecodable", "message")]
    with read_ledger(home) as ledger:
        assert ledger is not None
        assert set(slots_after(ledger, position)) == {T0, T0 - 48 * HOUR}
    assert [audit(home, device_id=name).hours[0].landed for name in "abcd"] == [1, 1, 1, 1]
    assert audit(home, device_id="(unknown)").hours[0].quarantined == 2


def test_requeue_twice_lands_nothing_twice_and_nothing_to_land_changes_nothing(home: Home) -> None:
    fill(home)
    requeue(home, LOOSE)
    state, made = tables(home), files(home)
    (done,) = requeue(home, LOOSE)
    assert done.landed_readings == 0
    assert (tables(home), files(home)) == (state, made)


def test_only_chosen_rows_are_requeued(home: Home) -> None:
    fill(home)
    requeue(home, LOOSE, RowSelection(rules=("not_a_number",)))
    assert fates(home) == (6, 2, 4, 0)
    assert rules(home) == [("no_device", "message")] * 3 + [("undecodable", "message")]
    assert not requeue(home, LOOSE, RowSelection(topic="other/#"))
    since = datetime.fromtimestamp((T0 + 2000) / 1e6, UTC)
    (done,) = requeue(home, LOOSE, RowSelection(since=since))
    assert done.landed_messages == 1
    (done,) = requeue(home, LOOSE, RowSelection(segment="col-1772366400000-00000001", position=0))
    assert done.landed_messages == 1


def test_dropped_rows_are_out_of_sight_but_kept_and_counted(home: Home) -> None:
    fill(home)
    (done,) = drop(home, RowSelection(rules=("undecodable",)))
    assert done.dropped == 1
    assert waiting(home) == (3, 1)
    assert ("undecodable", "message") not in rules(home)
    assert fates(home) == (6, 2, 4, 1)
    (path,) = home.quarantine.glob("*/*.dropped.parquet")
    assert pl.read_parquet(path)["payload"].to_list() == [b"garbage"]
    assert not drop(home, RowSelection(rules=("undecodable",)))
    drop(home)
    assert rules(home) == []
    assert fates(home) == (6, 2, 4, 1)
    assert waiting(home) == (0, 0), "settled: nobody is asked to look at it"


def test_status_asks_nobody_to_look_at_what_was_dropped(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    fill(home)
    drop(home, RowSelection(rules=("undecodable",)))
    result = CliRunner().invoke(cli, ["status", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["quarantine"] == {"messages": 3, "readings": 1}


def test_a_rebuilt_ledger_remembers_requeue_and_drop_even_after_upkeep(home: Home) -> None:
    fill(home)
    requeue(home, LOOSE, RowSelection(rules=("no_device",)))
    drop(home, RowSelection(rules=("undecodable",)))
    keep_house(home, 10, 7, LATER + 5 * HOUR)
    state, readings = tables(home), landed(home)
    rebuilt = rebuild_ledger(home)
    assert rebuilt.missing == ()
    assert without_positions(tables(home)) == without_positions(state)
    assert landed(home) == readings


@pytest.mark.parametrize("seed", range(3))
def test_requeue_ends_where_landing_under_the_new_contract_ends(home: Home, seed: int) -> None:
    other = Home(home.root.with_name("other"))
    for one in (home, other):
        seal_segment(one, 1, mixed_messages(seed, 80))
    land_all(home, [STRICT])
    requeue(home, LOOSE)
    land_all(other, [LOOSE])
    assert landed(home) == landed(other)
    assert fates(home) == fates(other)
    assert rules(home) == rules(other)
    assert landed_by_device(home) == landed_by_device(other)
