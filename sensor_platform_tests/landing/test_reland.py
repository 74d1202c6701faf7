"""Landing made again from the raw archive: the same rows, or those of a new contract; killed anywhere, the same end."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.raw_copies import ContractsInForce
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import contracts_of, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import landing_files, read_ledger, slots_between
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform_tests.landing.crash_client import CrashServer, copy
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, mixed_messages, seal_segment, tables
from sensor_platform_tests.landing.requeues import LOOSE, STRICT, drop, fill, requeue

NOW = T0 + 6 * HOUR


def contracts(*some: Contract) -> ContractsInForce:
    return contracts_of(some or (DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)


def rows(home: Home) -> list[tuple[object, ...]]:
    """Every visible reading; tags as text."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        paths = [file.path for file in landing_files(ledger, home, slots_between(ledger, 0, 1 << 60))]
    frame = pl.concat([pl.read_parquet(path) for path in paths])
    return sorted(frame.rows(), key=repr)


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


@pytest.mark.parametrize("how", ["kill", "refuse"])
def test_stopped_at_any_step_it_ends_as_if_undisturbed(
    filled: Home, tmp_path: Path, server: CrashServer, how: str
) -> None:
    before, counts = rows(filled), tables(filled)["counts"]
    whole = copy(filled, tmp_path / "whole")
    steps = server.run(whole, "reland", now=NOW)["steps"]
    assert steps > 20
    assert rows(whole) == before
    for step in range(1, steps + 1, 1 if how == "kill" else 7):
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


@pytest.mark.parametrize("is_compacted", [False, True])
def test_what_was_requeued_stays_as_it_is_and_its_neighbours_are_landed_again(home: Home, is_compacted: bool) -> None:
    fill(home)
    (done,) = requeue(home, LOOSE)
    assert done.landed_readings == 3
    seal_segment(home, 2, mixed_messages(2, 40), received_at=T0 + 2)
    land_all(home)
    if is_compacted:
        keep_house(home, 10, 7, T0 + 3 * HOUR)
        keep_house(home, 10, 7, T0 + 5 * HOUR)
    before, counts = rows(home), tables(home)["counts"]
    for _ in range(2):
        again = reland(home, contracts(), lambda: NOW)
        assert "col-1772366400000-00000001" in again.skipped
        assert again.segments == 1
        assert rows(home) == before
        assert tables(home)["counts"] == counts
        assert audit(home).difference == 0
        assert verify(home, NOW).missed == ()
    assert rebuild_ledger(home).missing == ()
    assert rows(home) == before


def test_a_harmed_file_of_a_segment_that_was_requeued_is_put_back_bit_for_bit(home: Home) -> None:
    fill(home)
    (path,) = home.landing.glob("*/*.parquet")
    whole = path.read_bytes()
    requeue(home, LOOSE)
    before, counts = rows(home), tables(home)["counts"]
    path.write_bytes(whole[:-100])
    assert [each.file for each in verify(home, NOW).missed] == [str(path.relative_to(home.root))]
    assert reland(home, contracts(LOOSE), lambda: NOW).segments == 0
    assert len(verify(home, NOW).missed) == 1, "under another contract it is not the same file"
    assert not list(home.root.glob("*/*/*~*")), "nor is anything left of the trial"
    done = reland(home, contracts(STRICT), lambda: NOW)
    assert done.restored == (str(path.relative_to(home.root)),)
    assert verify(home, NOW).missed == ()
    assert path.read_bytes() == whole
    assert (rows(home), tables(home)["counts"]) == (before, counts)
    assert audit(home).is_whole


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
    assert not list(home.root.glob("*/*/*~*")), "nor is anything left of the trial"
    assert CliRunner().invoke(cli, ["audit", "--verify"]).exit_code == 0
