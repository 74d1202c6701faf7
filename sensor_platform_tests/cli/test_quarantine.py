"""The quarantine as a command."""

import json

import pytest

from sensor_platform.cli.quarantine import quarantine
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment

ID = "col-1772366400000-00000001:0"


@pytest.fixture
def refused(home: Home) -> Home:
    """Two messages that are refused, and one that is not."""
    seal_segment(
        home, 1, [Message(b"\x00", "sensors/x"), Message(b"[]", "sensors/y"), Message(b'{"device_id":"a","t":1}')]
    )
    land_all(home)
    return home


def rows(*words: str) -> list[str]:
    """Topics of the rows that are listed."""
    return [row["topic"] for row in json.loads(said(quarantine, "list", "--json", *words))]


@pytest.mark.usefixtures("refused")
def test_rows_are_listed_newest_first_and_by_filter() -> None:
    assert rows() == ["sensors/y", "sensors/x"]
    assert rows("--topic", "+/x") == ["sensors/x"]
    assert rows("--limit", "1") == ["sensors/y"]
    assert rows("--rule", "no_such_rule") == []
    assert rows("--until", "2026-03-01T12:00") == []


@pytest.mark.usefixtures("refused")
def test_rows_are_counted_by_rule_and_topic() -> None:
    counts = json.loads(said(quarantine, "list", "--count", "--json"))
    assert {(row["topic"], row["rows"]) for row in counts} == {("sensors/x", 1), ("sensors/y", 1)}


@pytest.mark.usefixtures("refused")
def test_a_message_is_shown_whole() -> None:
    shown = said(quarantine, "show", ID)
    assert "sensors/x" in shown
    assert "hint" in shown
    with pytest.raises(WrongUse, match="no message"):
        said(quarantine, "show", "col-1772366400000-00000001:7")
    with pytest.raises(WrongUse, match="is not an id"):
        said(quarantine, "show", "third")


@pytest.mark.parametrize("command", ["requeue", "drop"])
def test_what_changes_something_must_say_what(refused: Home, command: str) -> None:
    for words in ((), ("--all", "--topic", "#")):
        with pytest.raises(WrongUse, match="name the rows"):
            said(quarantine, command, *words)
    assert rows() == ["sensors/y", "sensors/x"]


@pytest.mark.usefixtures("refused")
def test_what_is_still_refused_stays_and_what_is_dropped_goes() -> None:
    assert json.loads(said(quarantine, "requeue", "--all", "--json")) == {
        "rows": 2, "landed_messages": 0, "landed_readings": 0, "removed_readings": 0, "lost_readings": 0, "dropped": 0,
    }  # fmt: skip
    assert rows() == ["sensors/y", "sensors/x"]
    assert said(quarantine, "drop", "--id", ID).endswith("dropped: 1\n")
    assert rows() == ["sensors/y"]
