"""The state of the platform as a command."""

import json

import pytest

from sensor_platform.cli.status import status
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment


@pytest.mark.usefixtures("home")
def test_of_a_home_in_which_nothing_ran() -> None:
    found = json.loads(said(status, "--json"))
    assert (found["collector"], found["ledger"], found["runs"]) == (None, None, [])
    assert found["dirty"] == {"windows": 0, "readings": 0, "days": []}
    assert {layer["verdict"] for layer in found["layers"].values()} == {"empty"}
    shown = said(status)
    assert "collector: never ran in this home" in shown
    assert "ledger: nothing landed yet; 0 segments wait to be landed" in shown


def test_of_a_home_with_readings_that_are_not_built_yet(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"id":"a","t":1}'), Message(b"\x00")])
    land_all(home)
    seal_segment(home, 2, [Message(b"{}")])
    found = json.loads(said(status, "--json"))
    assert {name: found["ledger"][name] for name in ("messages", "landed", "quarantined", "readings")} == {
        "messages": 2, "landed": 1, "quarantined": 1, "readings": 1,
    }  # fmt: skip
    assert found["backlog"]["segments"] == 1
    assert found["quarantine"] == {"messages": 1, "readings": 0}
    assert found["dirty"]["days"] == ["2026-03-01"]
    shown = said(status)
    assert "quarantine: 1 messages, 0 single readings" in shown
    assert "on 1 days (2026-03-01 to 2026-03-01)" in shown
