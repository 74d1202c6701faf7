"""Homes that the first two releases made: today's product takes them over, and loses nothing.

How they came about: `data/make_early_homes.py`. What must stay is read from the Parquet files that those releases
published.
"""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sensor_platform.collect.brokers.local import free_port
from sensor_platform_tests.data import old_home
from sensor_platform_tests.data.old_home import run, said
from sensor_platform_tests.running import COMMAND, wait_until


@dataclass(frozen=True)
class Early:
    """What is known of a stored home."""

    landed: str
    """What `land` prints of the three segments that wait."""
    model: str
    """What `models list` prints of the champion."""
    alerts: int = 0
    labels: int = 0
    floor: str | None = None
    """First day that landing still has."""


HOMES = {
    "2ddac25": Early("3 segments, 24 messages, 57 readings, 2 messages quarantined", "\n ? its cards are of another"),
    "41a63c0": Early(
        "3 segments, 24 messages, 58 readings, 1 messages quarantined", "temperature\n * 2025", 8, 2, "2025-03-07"
    ),
}
NOT_ROWS = {"created_at", "superseded_at"}
"""When a build made a row."""
BY_THE_CLOCK = {"device_status", "late_frozen"}
FORECASTS = {"predictions", "prediction_history", "predictions_superseded"}
NEAR_THE_FLOOR = "2025-03-09"
"""Forecasts of the two days above the floor look back at hours below it, which a rebuild does not have."""


@pytest.fixture(scope="module", params=HOMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stored(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it was left; tests that change it take a copy."""
    return old_home.unpacked(tmp_path_factory.mktemp("early"), _archive(name))


@pytest.fixture(scope="module")
def built(name: str, stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What waited is landed, and what is dirty is built on top of the stored warehouse."""
    home = _copy(stored, tmp_path_factory.mktemp("built"))
    assert said(home, "land").startswith(HOMES[name].landed)
    dirty = json.loads(said(home, "status", "--json"))["dirty"]["days"]
    old_home.built(home, dirty[0], dirty[-1])
    return home


def test_every_file_is_what_the_ledger_says_and_every_message_has_a_fate(stored: Path) -> None:
    code, output = run(stored, "audit", "--verify", "--json")
    found = json.loads(output)
    assert (code, found["difference"], found["verified"]["found"]) == (0, 0, [])
    assert found["pending"] == {"segments": 3, "messages": 24, "unsealed": 1}


def test_lists_and_status_say_what_is_there(name: str, stored: Path) -> None:
    status = json.loads(said(stored, "status", "--json"))
    assert status["retention"]["landing_floor"] == HOMES[name].floor
    assert len(json.loads(said(stored, "alerts", "list", "--format", "json"))) == HOMES[name].alerts
    assert len(said(stored, "labels", "list", "--json").splitlines()) == HOMES[name].labels
    assert HOMES[name].model in said(stored, "models", "list")


def test_what_is_dirty_is_built_and_no_published_reading_is_lost(stored: Path, built: Path) -> None:
    assert json.loads(said(built, "status", "--json"))["dirty"]["windows"] == 0
    keys = ("device_id", "metric", "event_at")
    assert set(_rows(stored, "readings_clean", keys)) - set(_rows(built, "readings_clean", keys)) == set()
    code, output = run(built, "audit", "--verify", "--json")
    found = json.loads(output)
    assert (code, found["difference"], found["verified"]["found"]) == (0, 0, [])


def test_rebuild_makes_the_same_tables(name: str, built: Path, tmp_path: Path) -> None:
    home = _copy(built, tmp_path)
    output = said(home, "rebuild")
    restored = f"restored from published tables, older than {HOMES[name].floor or 'landing'}: "
    assert restored in output, "forecasts below landing are there only"
    tables = sorted({path.name for path in (built / "published").iterdir() if path.is_dir()} - BY_THE_CLOCK)
    assert tables == sorted({path.name for path in (home / "published").iterdir() if path.is_dir()} - BY_THE_CLOCK)
    for table in tables:
        before, after = _of_both(name, built, table), _of_both(name, home, table)
        assert before == after, f"{table}: {sorted(set(before) ^ set(after))[:4]}"
    assert run(home, "audit", "--verify")[0] == 0


def test_live_goes_on_where_a_killed_live_process_was(tmp_path: Path) -> None:
    """It was killed without a last snapshot; what was answered stays as it was."""
    home = old_home.unpacked(tmp_path, _archive("41a63c0"))
    before = _alerts(home)
    command = [*COMMAND, "live", "--port", str(free_port())]
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, env=old_home.environ(home), stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"http"), log.read_text()
            wait_until(lambda: len(_alerts(home)) > len(before), "alerts of what waited in the segments")
        finally:
            process.terminate()
    after = _alerts(home)
    for alert, row in before.items():
        assert row["state"] == "firing" or after[alert] == row
    with closing(sqlite3.connect(home / "live" / "live.sqlite")) as store:
        assert store.execute("select value from meta where key = 'schema'").fetchone() is not None


def _archive(name: str) -> Path:
    return old_home.FOLDER / f"old_home_{name}.tar.xz"


def _copy(home: Path, folder: Path) -> Path:
    shutil.copytree(home, folder / "home")
    said(folder / "home", "publish", "--relink", str(folder / "home" / "published"))
    return folder / "home"


def _alerts(home: Path) -> dict[str, dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(said(home, "alerts", "list", "--format", "json"))
    return {row["alert_id"]: row for row in rows}


def _of_both(name: str, home: Path, table: str) -> list[str]:
    """Rows that must be the same before and after a rebuild."""
    is_bounded = table in FORECASTS and HOMES[name].floor is not None
    return [repr(row) for row in _rows(home, table, (), f"issued_at >= '{NEAR_THE_FLOOR}'" if is_bounded else "true")]


def _rows(home: Path, table: str, columns: Iterable[str] = (), condition: str = "true") -> list[tuple[Any, ...]]:
    """Rows of a published table, from its files, sorted; numbers to nine digits, since the last depend on an order."""
    files = [str(path) for path in sorted((home / "published" / table).glob("**/*.parquet"))]
    if not files:
        return []
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select * from read_parquet(?, hive_partitioning = false, union_by_name = true) where {condition}",
            [files],
        )
        names = [column[0] for column in found.description]
        kept = [names.index(each) for each in columns or sorted({*names} - NOT_ROWS)]
        rows = found.fetchall()
    return sorted((tuple(_cell(row[number]) for number in kept) for row in rows), key=repr)


def _cell(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value
