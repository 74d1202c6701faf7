"""The tables `alerts` and `alert_events`: the same as live and as the backtest, however and whenever they are built."""

import json
import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sensor_platform.alert import store
from sensor_platform.alert.backtest import run_backtest
from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.history.build_alerts import build_alerts
from sensor_platform.alert.history.rule_epochs import record_rules
from sensor_platform.alert.operator_answers import answer_alert
from sensor_platform.home import Home
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.rules import NoData, Threshold
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.landing.homes import T0, land_all
from sensor_platform_tests.live.stream_runs import WrittenStream, follow
from sensor_platform_tests.stream.streams import RULES, SECOND, stream
from sensor_platform_tests.warehouse.landings import SiteStub

ENGINE = EngineConfig(keep="1h")
CONFIG = AlertConfig(rules=(*RULES, NoData(name="learned", factor=3.0, at_least="2s")))
_EVENTS = "select alert_id, kind, epoch_us(noticed_at), value from alert_events order by 3, 1, 2"


def _site(folder: Path) -> SiteStub:
    catalog = folder / "catalog"
    catalog.mkdir(exist_ok=True)
    (catalog / "metrics.csv").write_text("metric,unit,min,max\ntemp,degC,-50,120\n")
    return SiteStub(catalog=catalog)


def _ask(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.analytics_file), read_only=True) as connection:
        connection.execute("set schema = 'plain'")
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def piecewise(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, SiteStub, int]:
    """A home whose tables were built again and again while a stream came."""
    folder = tmp_path_factory.mktemp("alerts")
    home, site = Home(folder / "home"), _site(folder)
    written = WrittenStream(home, stream(seed=3, count=2500))
    more = True
    replayed = []
    while more:
        more = written.write(500)
        written.seal()
        land_all(home)
        build(home, site)
        publish(home, site)
        replayed.append(build_alerts(home, CONFIG, ENGINE, T0).replayed)
    assert max(replayed[1:]) < 2 * replayed[0] + 100, "a build must cost what came, not the history"
    return home, site, written.arrived_at


def _backtest(home: Home, end: int) -> list[Event]:
    start, last = (datetime(1970, 1, 1) + timedelta(microseconds=at) for at in (T0 - SECOND, end))  # noqa: DTZ001
    return [event for event in run_backtest(home, CONFIG, ENGINE, start, last).events if event.kind != "reminder"]


def test_the_tables_equal_the_backtest_although_they_were_built_piece_by_piece(
    piecewise: tuple[Home, SiteStub, int],
) -> None:
    home, _, end = piecewise
    expected = _backtest(home, end)
    assert {event.rule for event in expected} == {rule.name for rule in CONFIG.rules}, "every rule must have fired"
    rows = [(event.alert_id, event.kind, event.noticed_at, event.value) for event in expected]
    assert sorted(_ask(home, _EVENTS), key=str) == sorted(rows, key=str)
    fired = {event.alert_id: event for event in expected if event.kind == "fired"}
    resolved = {event.alert_id: event for event in expected if event.kind == "resolved"}
    alerts = _ask(home, "select alert_id, state, epoch_us(fired_at), epoch_us(resolved_at) from alerts")
    assert {row[0] for row in alerts} == set(fired)
    for alert, state, fired_at, resolved_at in alerts:
        assert fired_at == fired[alert].at
        assert resolved_at == (resolved[alert].at if alert in resolved else None)
        assert state == ("resolved" if alert in resolved else "firing")


def test_the_tables_are_the_same_when_everything_is_lost_and_built_at_once(
    piecewise: tuple[Home, SiteStub, int],
) -> None:
    home, site, _ = piecewise
    before = {name: _ask(home, f"select * from {name} order by all") for name in ("alerts", "alert_events")}
    for path in (*home.live.glob("history.sqlite*"), home.warehouse_file, home.live / "rules.jsonl"):
        path.unlink()
    for folder in home.published.iterdir():
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    build(home, site)
    publish(home, site)
    build_alerts(home, CONFIG, ENGINE, T0)
    assert {name: _ask(home, f"select * from {name} order by all") for name in before} == before


def test_live_alarms_are_those_of_the_tables(tmp_path: Path) -> None:
    home, site = Home(tmp_path / "home"), _site(tmp_path)
    written = WrittenStream(home, stream(seed=5, count=500))
    written.write(10**6)
    written.seal()
    assert follow(home, written.arrived_at) == 0
    land_all(home)
    build(home, site)
    publish(home, site)
    build_alerts(home, AlertConfig(rules=RULES), ENGINE, T0)
    with sqlite3.connect(home.live_file) as connection:
        live = connection.execute("select alert_id, kind, noticed_at from events where kind <> 'reminder'").fetchall()
    settled = written.arrived_at - SECOND  # the live clock went on a little, the tables know no time but that of data
    live = [row for row in live if row[2] <= settled]
    tables = [row[:3] for row in _ask(home, _EVENTS) if row[2] <= settled]
    assert len(live) > 60
    assert sorted(live) == sorted(tables)


def test_readings_that_are_landed_late_take_the_tables_back_to_before_them(tmp_path: Path) -> None:
    def run(home: Home, order: list[int]) -> list[tuple[Any, ...]]:
        site = _site(home.root.parent)
        messages = stream(seed=8, count=900)
        written = WrittenStream(home, messages)
        for _ in range(3):
            written.write(len(messages) // 3 + 1)
            written.seal()
        aside = sorted(home.wal.glob("*.wal"))
        for path in aside:
            path.rename(home.root / path.name)
        redone = []
        for number in order:
            (home.root / aside[number].name).rename(aside[number])
            land_all(home)
            build(home, site)
            publish(home, site)
            redone.append(build_alerts(home, CONFIG, ENGINE, T0).redone_from is not None)
        assert any(redone) == (order != sorted(order))
        return _ask(home, _EVENTS)

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    in_order = run(Home(tmp_path / "a" / "home"), [0, 1, 2])
    assert run(Home(tmp_path / "b" / "home"), [0, 2, 1]) == in_order
    assert len(in_order) > 100


def test_what_people_answered_is_in_the_table(piecewise: tuple[Home, SiteStub, int]) -> None:
    home, _, end = piecewise
    build_alerts(home, CONFIG, ENGINE, T0)
    [(alert, device)] = _ask(home, "select alert_id, device_id from alerts where rule = 'hot' limit 1")
    about = {"alert_id": alert, "rule": "hot", "device_id": device, "metric": "temp"}
    event = Event(kind="acknowledged", level=1, at=end, noticed_at=end, by="ada", **about)
    connection = store.connect(home.live_file)
    store.store_events(connection, 1, [(event, "{}")])
    connection.execute(
        "insert into alerts (alert_id, rule, device_id, metric, state, level, highest, fired_at, noticed_at,"
        " limit_text, tags) values (?, 'hot', ?, 'temp', 'firing', 1, 1, ?, ?, '', '{}')",
        (alert, device, end, end),
    )
    connection.close()
    answer_alert(home, alert, "confirm", "ada", end)
    assert build_alerts(home, CONFIG, ENGINE, T0).is_changed
    sql = f"select acknowledged_by, epoch_us(acknowledged_at), label from alerts where alert_id = '{alert}'"
    assert _ask(home, sql) == [("ada", end, "confirmed")]
    assert not build_alerts(home, CONFIG, ENGINE, T0).is_changed


def test_an_alert_that_fired_stays_although_its_rule_is_changed_later(tmp_path: Path) -> None:
    home, site = Home(tmp_path / "home"), _site(tmp_path)
    written = WrittenStream(home, stream(seed=4, count=800))
    first = AlertConfig(rules=(Threshold(name="hot", metric="temp", above=60.0),))
    second = AlertConfig(rules=(Threshold(name="hot", metric="temp", above=70.0),))
    written.write(400)
    changed_at = written.arrived_at + 1
    record_rules(home, first, T0)
    record_rules(home, second, changed_at)
    written.write(10**6)
    written.seal()
    land_all(home)
    build(home, site)
    publish(home, site)
    build_alerts(home, second, ENGINE, written.arrived_at)
    fired = _ask(home, "select epoch_us(noticed_at), value from alert_events where kind = 'fired'")
    assert any(at < changed_at and value < 70 for at, value in fired)
    assert all(value > 70 for at, value in fired if at >= changed_at)
    assert any(at >= changed_at for at, _ in fired)
    lines = (home.live / "rules.jsonl").read_text().splitlines()
    assert [json.loads(line)["since"] for line in lines] == [0, changed_at]
