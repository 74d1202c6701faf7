"""Alerts as a command."""

import json
from contextlib import closing

import pytest

from sensor_platform.alert import store
from sensor_platform.cli.alerts import alerts
from sensor_platform.errors import Missing, WrongUse
from sensor_platform.home import Home
from sensor_platform.labels.label_store import read_labels
from sensor_platform_tests.cli.running import run, said

NAMES = ("alert_id", "rule", "device_id", "metric", "state", "level", "highest", "fired_at", "noticed_at", "value")
ROWS = (
    ("3f2a11", "hot", "oven", "temp", "firing", 2, 2, 1_772_366_400_000_000, 1_772_366_400_000_000, 81.5),
    ("9b0c22", "cold", "cellar", "temp", "resolved", 0, 1, 1_772_366_401_000_000, 1_772_366_401_000_000, -1.0),
)


@pytest.fixture(autouse=True)
def fired(home: Home) -> Home:
    """One alert that is firing and a later one that is over."""
    with closing(store.connect(home.live_file)) as connection:
        for row in ROWS:
            connection.execute(
                f"insert into alerts ({', '.join(NAMES)}, limit_text, tags)"
                f" values ({', '.join('?' * len(NAMES))}, '', '{{}}')",
                row,
            )
    return home


def listed(*words: str) -> list[tuple[str, str]]:
    rows = json.loads(said(alerts, "list", "--format", "json", *words))
    return [(row["alert_id"], row["highest"]) for row in rows]


def test_alerts_are_listed_newest_first_and_by_filter() -> None:
    assert listed() == [("9b0c22", "warning"), ("3f2a11", "critical")]
    assert listed("--state", "firing") == [("3f2a11", "critical")]
    assert listed("--device", "cellar") == listed("--limit", "1") == [("9b0c22", "warning")]
    assert "2026-03-01 12:00:00" in said(alerts, "list")


def test_an_answer_becomes_a_label_by_the_beginning_of_an_id(home: Home) -> None:
    assert run(alerts, "confirm", "3f2a", "--by", "Ada", "--note", "Seal.").stderr == "confirm: 3f2a\n"
    run(alerts, "reject", "9b", "--by", "Ada")
    found = {label.device_id: (label.label, label.note) for label in read_labels(home)}
    assert found == {"oven": ("confirmed", "Seal."), "cellar": ("rejected", "by Ada")}


def test_an_alert_is_acknowledged_under_both_names(home: Home) -> None:
    run(alerts, "ack", "3f2a", "--by", "Ada")
    run(alerts, "acknowledge", "3f2a", "--by", "Ada")
    with closing(store.connect(home.live_file)) as connection:
        assert connection.execute("select count(*) from inbox").fetchone() == (2,)
    with pytest.raises(Missing):
        run(alerts, "ack", "77")


def test_dead_letters_are_sent_again(home: Home) -> None:
    with closing(store.connect(home.live_file)) as connection:
        connection.execute(
            "insert into outbox (key, channel, grouping, body, created_at, not_before, state)"
            " values ('k', 'c', '', x'', 0, 0, 'dead')"
        )
    assert run(alerts, "retry").stderr == "1 messages will be sent again\n"
    assert run(alerts, "retry").stderr == "0 messages will be sent again\n"


def test_without_rules_there_is_nothing_to_try() -> None:
    with pytest.raises(WrongUse, match="no rules"):
        said(alerts, "backtest")
