"""Answers of operators: found by the beginning of a unique id, stored with the alert, and taken back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sensor_platform.alert import store
from sensor_platform.alert.live_queries import acknowledgements, alert_rows
from sensor_platform.alert.operator_answers import answer_alert, find_alert, withdraw_label
from sensor_platform.errors import Missing, WrongUse
from sensor_platform.home import Home
from sensor_platform.stream.alert_state import Event, EventKind

AT = 1_772_366_400_000_000


def _event(alert_id: str, kind: EventKind = "fired", at: int = AT, by: str = "") -> Event:
    return Event(
        alert_id=alert_id, kind=kind, rule="hot", device_id="press", metric="temp", level=1, at=at, noticed_at=at, by=by
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    with closing(store.connect(home.live_file)) as connection:
        store.store_events(connection, 1, [(_event("3f2a11"), "{}"), (_event("3f2b22", at=AT + 1), "{}")])
    return home


@pytest.fixture
def connection(home: Home) -> Iterator[sqlite3.Connection]:
    with closing(store.connect(home.live_file)) as opened:
        yield opened


def test_an_id_may_be_cut_as_long_as_it_names_one_alert(connection: sqlite3.Connection) -> None:
    assert find_alert(connection, "3f2a")["alert_id"] == "3f2a11"
    for text, words in (("3f2", "several alerts begin with"), ("9", "there is no alert"), ("", "there is no alert")):
        with pytest.raises(Missing, match=words):
            find_alert(connection, text)


def test_the_api_needs_the_whole_id_and_a_known_kind_of_answer(home: Home) -> None:
    with pytest.raises(Missing, match="there is no alert '3f2a'"):
        answer_alert(home, "3f2a", "confirm", "ada", AT)
    with pytest.raises(WrongUse, match="'shrug' is not an answer"):
        answer_alert(home, "3f2a11", "shrug", "ada", AT)


def test_a_confirmed_alert_has_its_verdict_until_the_label_is_taken_back(
    home: Home, connection: sqlite3.Connection
) -> None:
    answer_alert(home, "3f2a", "confirm", "ada", AT + 5, may_be_short=True)
    assert [row["verdict"] for row in alert_rows(connection, "", "press")] == ["", "confirmed"]
    gone = withdraw_label(home, "alert:3f2a11", AT + 6)
    assert (gone.label, gone.note) == ("confirmed", "by ada")
    assert [row["verdict"] for row in alert_rows(connection, "", "press")] == ["", ""]


def test_an_acknowledgement_waits_for_the_engine_and_the_first_one_counts(
    home: Home, connection: sqlite3.Connection
) -> None:
    answer_alert(home, "3f2b22", "acknowledge", "ada", AT + 5)
    [(_, command)] = store.pending_commands(connection)
    assert (command.alert_id, command.by) == ("3f2b22", "ada")
    events = [_event("3f2b22", "acknowledged", AT + second, by) for second, by in ((9, "bob"), (7, "ada"))]
    store.store_events(connection, 2, [(event, "{}") for event in events])
    assert {alert: event.by for alert, event in acknowledgements(connection).items()} == {"3f2b22": "ada"}
    assert [row["state"] for row in alert_rows(connection, "acknowledged", "")] == ["acknowledged"]
    assert [row["alert_id"] for row in alert_rows(connection, "", "", limit=1)] == ["3f2b22"], "newest first"
