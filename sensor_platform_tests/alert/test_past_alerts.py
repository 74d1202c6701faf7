"""Resolved alerts and messages that nobody accepted leave the live store; what still goes on stays."""

from contextlib import closing
from pathlib import Path

import pytest

from sensor_platform.alert import past_alerts, store
from sensor_platform.alert.past_alerts import Forgotten, forget_past
from sensor_platform.home import Home

BEFORE = 1_000


def alert(name: str, state: str, resolved_at: int | None) -> tuple[object, ...]:
    return (name, "rule", "d", "", state, 0, 1, 1, 1, resolved_at, 1.0, "", "{}", "", "", "")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    with closing(store.connect(home.live_file)) as connection:
        alerts = [alert("old", "resolved", 999), alert("new", "resolved", 1000)]
        alerts += [alert("firing", "firing", None), alert("seen", "acknowledged", None)]
        connection.executemany(f"insert into alerts values ({', '.join('?' * 16)})", alerts)
        events = [(f"{row[0]}-{n}", n, row[0], "fired", 1, 1, b"") for row in alerts for n in range(3)]
        connection.executemany("insert into events values (?, ?, ?, ?, ?, ?, ?)", events)
        outbox = [
            ("dead", "dead", 1, 1),
            ("young", "dead", 1000, 0),
            ("later", "waiting", 1, 2000),
            ("lost", "waiting", 1, 1),
        ]
        connection.executemany(
            "insert into outbox (key, channel, grouping, body, state, created_at, not_before)"
            " values (?, 'c', '', x'00', ?, ?, ?)",
            outbox,
        )
    return home


@pytest.mark.parametrize("at_once", [1, 1000])
def test_what_is_over_leaves_and_what_goes_on_stays(home: Home, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_alerts, "_AT_ONCE", at_once)
    assert forget_past(home, BEFORE) == Forgotten(alerts=1, messages=2)
    assert forget_past(home, BEFORE) == Forgotten()
    with closing(store.connect(home.live_file)) as connection:
        alerts = {name for (name,) in connection.execute("select alert_id from alerts")}
        assert alerts == {"new", "firing", "seen"}
        assert {name for (name,) in connection.execute("select alert_id from events")} == alerts
        assert connection.execute("select count(*) from events").fetchone() == (9,)
        assert {name for (name,) in connection.execute("select key from outbox")} == {"young", "later"}


def test_a_home_without_a_live_store_gets_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert forget_past(home, BEFORE) == Forgotten()
    assert not home.live_file.exists()
