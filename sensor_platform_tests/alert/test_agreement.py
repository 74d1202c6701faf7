"""The live path and the batch path give the same answer, whatever was killed in between."""

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from sensor_platform.alert.backtest import run_backtest
from sensor_platform.alert.config import AlertConfig
from sensor_platform.home import Home
from sensor_platform.stream.alert_state import EventKind
from sensor_platform.stream.config import EngineConfig
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.landing.homes import T0, land_all
from sensor_platform_tests.live.stream_runs import WrittenStream, closed_rows, emitted_events, follow
from sensor_platform_tests.stream.streams import RULES, SECOND, stream
from sensor_platform_tests.warehouse.landings import SiteStub

_NUMBERS = ("min", "max", "first", "last", "first_at", "last_at")
_COUNTS = ("n", "bad_n", "uncertain_n", "late_n", "last_received_at")
_CLOSE = ("sum", "mean", "m2")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, int]:
    """A home whose live process was killed again and again while the stream came, and the end of the stream."""
    folder = tmp_path_factory.mktemp("agreement")
    home = Home(folder / "home")
    catalog = folder / "catalog"
    catalog.mkdir()
    (catalog / "metrics.csv").write_text("metric,unit,min,max\ntemp,degC,-50,120\n")
    written = WrittenStream(home, stream(seed=11, count=2500))
    kills = 0
    more = True
    for number in range(7):
        more = written.write(400)
        if number % 3 == 1:
            written.seal()
        if number == 4:
            land_all(home)
        kills += follow(home, written.arrived_at, kill_at=3 + 2 * number) == -9
    assert not more
    written.seal()
    end = written.arrived_at + 600 * SECOND
    assert follow(home, end) == 0
    assert kills >= 5, "the kills must have happened, or this proves nothing"
    land_all(home)
    site = SiteStub(catalog=catalog)
    build(home, site)
    publish(home, site)
    return home, end


def _final(home: Home, spec: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    final: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in closed_rows(home):
        if row["spec"] == spec:
            final[row["device_id"], row["metric"], row["start"]] = row
    return final


@pytest.mark.parametrize(("spec", "table"), [("10s", "readings_10s"), ("1m", "readings_1m")])
def test_final_live_windows_equal_the_tables_row_by_row(killed: tuple[Home, int], spec: str, table: str) -> None:
    home, _ = killed
    live = _final(home, spec)
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        result = warehouse.execute(
            f"select device_id, metric, epoch_us(window_start) as start, * replace (epoch_us(first_at) as first_at,"
            f" epoch_us(last_at) as last_at, epoch_us(last_received_at) as last_received_at) from {table}"
        )
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    assert len(rows) > 100
    assert {(row["device_id"], row["metric"], row["start"]) for row in rows} == set(live)
    for row in rows:
        found = live[row["device_id"], row["metric"], row["start"]]
        where = (row["device_id"], row["metric"], row["start"])
        for name in (*_COUNTS, *(_NUMBERS if row["n"] else ())):
            assert found[name] == row[name], (where, name)
        for name in _CLOSE:
            if row["n"]:
                assert math.isclose(found[name], row[name], rel_tol=1e-9, abs_tol=1e-9), (where, name)


def test_no_window_is_emitted_twice_or_skips_a_revision(killed: tuple[Home, int]) -> None:
    home, _ = killed
    revisions: dict[tuple[Any, ...], list[int]] = {}
    for row in closed_rows(home):
        revisions.setdefault((row["spec"], row["device_id"], row["metric"], row["start"]), []).append(row["revision"])
    assert all(found == list(range(len(found))) for found in revisions.values())
    assert any(len(found) > 1 for found in revisions.values()), "late readings must have revised some window"


def test_alarms_live_equal_those_of_a_run_without_kills_and_those_of_the_backtest(
    killed: tuple[Home, int], tmp_path: Path
) -> None:
    home, end = killed
    events = emitted_events(home)
    assert len({kind for _, _, kind, _ in events} & {"fired", "resolved", "escalated", "reminder"}) == 4
    assert {event[1].split("-")[1] for event in events} <= {*get_args(EventKind)} - {"acknowledged"}
    calm = Home(tmp_path / "calm")
    written = WrittenStream(calm, stream(seed=11, count=2500))
    written.write(10**6)
    written.seal()
    assert follow(calm, end) == 0
    assert emitted_events(calm) == events
    start, last = (datetime(1970, 1, 1) + timedelta(microseconds=at) for at in (T0 - SECOND, end))  # noqa: DTZ001
    found = run_backtest(home, AlertConfig(rules=RULES), EngineConfig(keep="1h"), start, last)
    assert sorted((e.noticed_at, e.key, e.kind, e.alert_id) for e in found.events) == events
    summary = {row[0]: row for row in found.summary_rows()}
    assert all(summary[rule.name][1] > 0 for rule in RULES), "every rule must have fired, or it was not compared"
