"""Landing made again from the raw archive: the same rows, or those of a new contract; killed anywhere, the same end."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.raw_copies import ContractsInForce
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import contracts_of, mend, plan_reland, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, ValueSource
from sensor_platform_tests.landing.crash_client import HOW, CrashServer, copy
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, mixed_messages, seal_segment, tables
from sensor_platform_tests.landing.older_requeues import older_requeue
from sensor_platform_tests.landing.readings import rows
from sensor_platform_tests.landing.requeues import LATER, LOOSE, drop, fill, requeue

NOW = T0 + 6 * HOUR


def contracts(*some: Contract) -> ContractsInForce:
    return contracts_of(some or (DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)


@pytest.fixture(params=["single", pytest.param("compacted", marks=pytest.mark.soak)])
def filled(home: Home, request: pytest.FixtureRequest) -> Home:
    for seq in (1, 2, 3):
        seal_segment(home, seq, mixed_messages(seq, 40), received_at=T0 + seq)
    land_all(home)
    if request.param == "compacted":
        keep_house(home, 10, 7, T0 + 3 * HOUR)
        keep_house(home, 10, 7, T0 + 5 * HOUR)
    return home


def test_landed_again_under_the_same_contract_nothing_differs(filled: Home) -> None:
    before, counts = rows(filled), tables(filled)["counts"]
    first = reland(filled, contracts(), lambda: NOW)
    assert (first.segments, first.messages, first.skipped) == (3, 120, ())
    assert first.readings == first.readings_before
    for _ in range(2):
        assert rows(filled) == before
        assert tables(filled)["counts"] == counts
        assert audit(filled).difference == 0
        assert verify(filled, NOW).missed == ()
        reland(filled, contracts(), lambda: NOW)


def test_a_new_contract_reads_the_old_messages_anew(filled: Home) -> None:
    seal_segment(filled, 9, mixed_messages(9, 40), received_at=T0 + 9)
    land_all(filled)
    contract = Contract(name="new", topic="#", required_metrics=("t", "h"))
    done = reland(filled, contracts(contract), lambda: NOW, days=(date(2026, 3, 1), date(2026, 3, 1)))
    assert done.segments == 4
    assert done.readings < done.readings_before
    assert audit(filled).difference == 0, "the fates of every message are those of the new contract"
    reland(filled, contracts(), lambda: NOW)
    assert done.readings_before == len(rows(filled))


def test_a_ledger_made_anew_knows_what_was_landed_again(filled: Home) -> None:
    before = rows(filled)
    reland(filled, contracts(), lambda: NOW)
    keep_house(filled, 10, 7, NOW + 2 * HOUR)
    assert rows(filled) == before
    assert rebuild_ledger(filled).missing == ()
    assert rows(filled) == before


def test_days_without_archive_stay_as_they_are(filled: Home) -> None:
    before = rows(filled)
    assert reland(filled, contracts(), lambda: NOW, days=(date(2026, 2, 1), date(2026, 2, 28))).segments == 0
    shutil.rmtree(filled.raw)
    assert reland(filled, contracts(), lambda: NOW).segments == 0
    assert rows(filled) == before


@pytest.mark.parametrize(("how", "every"), HOW)
def test_stopped_at_any_step_it_ends_as_if_undisturbed(
    filled: Home, tmp_path: Path, server: CrashServer, how: str, every: int
) -> None:
    before, counts = rows(filled), tables(filled)["counts"]
    whole = copy(filled, tmp_path / "whole")
    steps = server.run(whole, "reland", now=NOW)["steps"]
    assert steps > 20
    assert rows(whole) == before
    for step in range(1, steps + 1, every):
        root = tmp_path / f"at-{step}"
        broken = copy(filled, root)
        server.run(broken, "reland", step, how, NOW)
        assert rows(broken) == before, f"stopped at step {step} of {steps}: a reader sees one or the other"
        remade = copy(broken, tmp_path / f"remade-{step}")
        assert rebuild_ledger(remade).missing == ()
        assert rows(remade) == before, f"stopped at step {step} of {steps}: the manifests say one or the other"
        assert server.run(broken, "reland", now=NOW)["error"] is None
        assert rows(broken) == before
        assert tables(broken)["counts"] == counts
        assert not list((broken.ledger / "relands").glob("*"))
        shutil.rmtree(root)
        shutil.rmtree(remade.root)


@pytest.mark.parametrize("is_older", [False, True], ids=["", "older version"])
@pytest.mark.parametrize("is_compacted", [False, True])
def test_what_was_requeued_is_landed_again_with_its_segment(home: Home, is_compacted: bool, is_older: bool) -> None:
    fill(home)
    if is_older:
        assert older_requeue(home, LOOSE, LATER) == 3
    else:
        assert requeue(home, LOOSE)[0].landed_readings == 3
    seal_segment(home, 2, mixed_messages(2, 40), received_at=T0 + 2)
    land_all(home, [LOOSE])
    if is_compacted:
        keep_house(home, 10, 7, T0 + 3 * HOUR)
        keep_house(home, 10, 7, T0 + 5 * HOUR)
    before, counts = rows(home), tables(home)["counts"]
    for _ in range(2):
        again = reland(home, contracts(LOOSE), lambda: NOW)
        assert (again.segments, again.skipped, again.readings) == (2, (), again.readings_before)
        assert rows(home) == before
        assert tables(home)["counts"] == counts
        assert audit(home).difference == 0
        assert verify(home, NOW).missed == ()
    keep_house(home, 10, 7, NOW + 2 * HOUR)
    assert rebuild_ledger(home).missing == ()
    assert rows(home) == before


def test_what_was_dropped_stays_as_it_is_and_its_neighbours_are_landed_again(home: Home) -> None:
    fill(home)
    drop(home)
    seal_segment(home, 2, mixed_messages(2, 40), received_at=T0 + 2)
    land_all(home)
    before, counts = rows(home), tables(home)["counts"]
    again = reland(home, contracts(), lambda: NOW)
    assert (again.segments, again.skipped) == (1, ("col-1772366400000-00000001",))
    assert (rows(home), tables(home)["counts"]) == (before, counts)
    assert audit(home).difference == 0


def test_a_harmed_file_of_a_segment_that_was_requeued_is_made_again(home: Home) -> None:
    fill(home)
    (path,) = home.landing.glob("*/*.parquet")
    requeue(home, LOOSE)
    before, counts = rows(home), tables(home)["counts"]
    path.write_bytes(path.read_bytes()[:-100])
    found = verify(home, NOW)
    assert [each.file for each in found.missed] == [str(path.relative_to(home.root))]
    assert mend(home, found.missed, contracts(LOOSE), lambda: NOW).segments == 1
    assert verify(home, NOW).missed == ()
    assert (rows(home), tables(home)["counts"]) == (before, counts)
    assert audit(home).is_whole


def test_mending_does_not_take_away_what_is_there(filled: Home) -> None:
    (path,) = filled.quarantine.glob("*/*00000001.parquet")
    path.write_bytes(b"")
    found = verify(filled, NOW)
    before = rows(filled)
    strict = Contract(name="new", topic="#", required_metrics=("t", "h"))
    assert mend(filled, found.missed, contracts(strict), lambda: NOW).segments == 0
    assert rows(filled) == before
    assert not list(filled.root.glob("*/*/*~*")), "nor is anything left of the trial"
    assert mend(filled, found.missed, contracts(), lambda: NOW).segments == 1
    assert rows(filled) == before


def test_the_plan_says_what_would_change_and_changes_nothing(home: Home) -> None:
    for seq in (1, 2, 3):  # whether a retained message is a repeat depends on the segments before it
        seal_segment(home, seq, [replace(each, retain=False) for each in mixed_messages(seq, 40)], received_at=T0 + seq)
    land_all(home)
    filled = home
    before, state = rows(filled), tables(filled)
    assert [change.is_change for change in plan_reland(filled, contracts(), lambda: NOW)] == [False] * 3
    renamed = Contract(name="new", topic="#", rename={"t": "temperature"}, ignore=("h",))
    changes = list(plan_reland(filled, contracts(renamed), lambda: NOW))
    assert (rows(filled), tables(filled)) == (before, state)
    done = reland(filled, contracts(renamed), lambda: NOW)
    assert sum(change.rows_before for change in changes) == done.readings_before
    assert sum(change.rows_after for change in changes) == done.readings
    assert all(change.lost > 0 for change in changes), "messages with a humidity give a reading less"
    assert {name for change in changes for name in change.gained_metrics} == {"temperature"}
    assert {"t", "h"} <= {name for change in changes for name in change.lost_metrics}


def test_drift_that_was_new_when_a_segment_landed_is_kept(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"id":"a","t":1}'), Message(b'{"id":"b","t":1}')])
    seal_segment(home, 2, [Message(b'{"id":"a","t":"warm"}'), Message(b'{"id":"b","t":"warm"}')], received_at=T0 + 1)
    land_all(home)
    state = tables(home)
    assert [row[3] for row in state["drift"]] == ["a", "b"]
    for _ in range(2):
        reland(home, contracts(), lambda: NOW)
        assert (tables(home)["drift"], tables(home)["kinds"]) == (state["drift"], state["kinds"])
    rebuild_ledger(home)
    assert (tables(home)["drift"], tables(home)["kinds"]) == (state["drift"], state["kinds"])
    reland(home, contracts(Contract(name="x", topic="#", device=ValueSource(constant="x"))), lambda: NOW)
    assert {row[3] for row in tables(home)["drift"]} <= {"x"}, "that of a device that is not there goes"


def test_a_harmed_compacted_file_of_settled_segments_is_put_back_by_the_command(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in (1, 2):
        seal_segment(home, seq, [*mixed_messages(seq, 20), Message(b"garbage")], received_at=T0 + seq)
    land_all(home)
    assert len(drop(home)) == 2
    keep_house(home, 10, 7, T0 + 3 * HOUR)
    keep_house(home, 10, 7, T0 + 5 * HOUR)
    (path,) = home.landing.glob("*/compact-*.parquet")
    (home.ledger / "device_rule").write_text("last_level")  # the messages were landed under the rule of old homes
    before, whole = rows(home), path.read_bytes()
    path.write_bytes(whole[:-100])
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    found = CliRunner().invoke(cli, ["audit", "--verify"])
    assert found.exit_code == 1
    assert "sensor-platform reland" in found.stderr
    result = CliRunner().invoke(cli, ["reland"], catch_exceptions=False)
    assert result.exit_code == 0
    assert f"restored: {path.relative_to(home.root)}" in result.stdout
    assert "2 segments were not landed again" in result.stderr
    assert path.read_bytes() == whole
    assert rows(home) == before
    assert not list(home.landing.glob("*/*~*")), "nor is anything left of the trial"
    assert CliRunner().invoke(cli, ["audit", "--verify"]).exit_code == 0
