"""A home that an earlier version left: read, verified, landed, built on, rebuilt and served by the product of today.

How the home came about: `data/make_old_home.py`. What is expected was read from it by the version that made it.
"""

import copy
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.collect.brokers.local import free_port
from sensor_platform_tests.data import old_home
from sensor_platform_tests.data.old_home import run, said
from sensor_platform_tests.running import COMMAND, wait_until

EXPECTED: dict[str, Any] = json.loads(old_home.EXPECTED.read_text())
WAITING = {
    "plant-1741478400000-00000020.wal",
    "plant-1741478400000-00000021.wal",
    "plant-1741478400000-00000022.open",
}
"""A killed collector has left the last one open, with a torn tail."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it was left; tests that change it take a copy."""
    return old_home.unpacked(tmp_path_factory.mktemp("stored"))


@pytest.fixture(scope="module")
def built(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What waited is landed, and what is dirty by it is built on top of the stored warehouse."""
    home = _copy(stored, tmp_path_factory.mktemp("built"))
    assert said(home, "land").startswith("3 segments, 24 messages, 76 readings, 1 messages quarantined")
    dirty = json.loads(said(home, "status", "--json"))["dirty"]["days"]
    assert dirty == ["2025-03-07", "2025-03-08", "2025-03-09"]
    old_home.built(home, dirty[0], dirty[-1])
    return home


def _copy(home: Path, folder: Path) -> Path:
    shutil.copytree(home, folder / "home")
    said(folder / "home", "publish", "--relink", str(folder / "home" / "published"))
    return folder / "home"


def test_every_file_is_what_the_ledger_says_and_every_message_has_a_fate(stored: Path) -> None:
    code, output = run(stored, "audit", "--verify", "--json")
    found = json.loads(output)
    assert code == 0
    assert (found["difference"], found["late_frozen"], found["verified"]["found"]) == (0, 1, [])
    assert found["verified"]["files"] == 29
    assert found["pending"] == {"segments": 3, "messages": 24, "unsealed": 1}
    assert {path.name for path in (stored / "wal").glob("*-*-*")} == WAITING


def test_the_tables_are_those_that_were_published(stored: Path) -> None:
    _is_the_same(old_home.tables(stored), EXPECTED["stored"]["tables"])


@pytest.mark.parametrize("name", old_home.LISTS)
def test_lists_print_what_they_printed(stored: Path, name: str) -> None:
    assert said(stored, *old_home.LISTS[name]).splitlines() == EXPECTED["stored"]["lists"][name]


def test_nothing_is_dirty_and_the_collector_is_known(stored: Path) -> None:
    status = json.loads(said(stored, "status", "--json"))
    assert status["dirty"] == {"windows": 0, "readings": 0, "days": []}
    assert (status["collector"]["state"], status["collector"]["counters"]["messages"]) == ("stopped", 250)
    assert status["ledger"]["position"] == 40


def test_what_waited_is_landed_and_built_on_the_stored_warehouse(built: Path) -> None:
    assert not list((built / "wal").glob("*-*-*"))
    assert json.loads(said(built, "status", "--json"))["dirty"]["windows"] == 0
    _is_the_same(old_home.tables(built), EXPECTED["built"]["tables"])
    assert old_home.lists(built) == EXPECTED["built"]["lists"]


def test_the_ledger_is_the_same_when_it_is_made_again_from_stored_manifests(built: Path, tmp_path: Path) -> None:
    home = _copy(built, tmp_path)
    before = json.loads(said(home, "audit", "--json"))
    (home / "ledger" / "ledger.sqlite").unlink()
    said(home, "land", "--rebuild-ledger")
    code, output = run(home, "audit", "--verify", "--json")
    after = json.loads(output)
    assert code == 0
    assert (after["hours"], after["difference"]) == (before["hours"], before["difference"])
    assert after["verified"]["found"] == []


def test_rebuild_makes_the_same_tables_from_stored_files(built: Path, tmp_path: Path) -> None:
    home = _copy(built, tmp_path)
    output = said(home, "rebuild")
    assert "restored from published tables, older than 2025-02-27: readings_1h 288 rows" in output
    tables, expected = old_home.tables(home), copy.deepcopy(EXPECTED["built"]["tables"])
    for each in (tables, expected):
        # features below the landing floor do not come back, and spans of answers begin with the first feature
        answers = each["supervised_answers"]
        del answers["rows"], answers["columns"]["first_at"]
    _is_the_same(tables, expected)
    assert old_home.lists(home) == EXPECTED["built"]["lists"]


def test_live_goes_on_where_a_killed_live_process_was(stored: Path, tmp_path: Path) -> None:
    """Its snapshot, the steps since and a command that waits are taken up, and then what is in the segments."""
    home = _copy(stored, tmp_path)
    assert _count(home, "steps") > 0
    assert _count(home, "inbox") == 1
    before = _alerts(home)
    with _live(home, tmp_path / "log"):
        wait_until(lambda: any(row["fired_at"] == "2025-03-09 15:20:14" for row in _alerts(home).values()), "the end")
    after = _alerts(home)
    assert _count(home, "inbox") == 0
    for name, row in before.items():
        assert row["state"] == "firing" or after[name] == row
    over = {row["device_id"]: after[name]["resolved_at"] for name, row in before.items() if row["state"] == "firing"}
    # the steps to take up are of 13:00, and nothing arrives later than the time of its step, but for two seconds
    assert over == dict.fromkeys(("pump-2", "pump-3", "test"), "2025-03-09 13:00:02")
    new = {(row["rule"], row["device_id"], row["state"]) for name, row in after.items() if name not in before}
    assert new == {("silent", device, "firing") for device in ("pump-1", "pump-2", "pump-3", "press-1", "test")}


def _alerts(home: Path) -> dict[str, dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(said(home, "alerts", "list", "--format", "json"))
    return {row["alert_id"]: row for row in rows}


def _count(home: Path, table: str) -> int:
    with closing(sqlite3.connect(home / "live" / "live.sqlite")) as store:
        return int(store.execute(f"select count(*) from {table}").fetchone()[0])


def _is_the_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(found) == set(expected)
    for table, one in expected.items():
        assert found[table] == one, f"table {table} is not what it was"


@contextmanager
def _live(home: Path, log: Path) -> Iterator[None]:
    """`sensor-platform live` on a home, once it answers."""
    command = [*COMMAND, "live", "--port", str(free_port())]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, env=old_home.environ(home), stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"http"), log.read_text()
        try:
            yield
        finally:
            process.terminate()
