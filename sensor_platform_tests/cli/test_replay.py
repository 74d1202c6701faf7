"""A file as messages, as a command."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from sensor_platform.cli.replay import replay
from sensor_platform.devices import publisher
from sensor_platform.errors import ExitCode
from sensor_platform_tests.cli.publishing import Published
from sensor_platform_tests.cli.running import run

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "air.csv"
    path.write_text("station,time,t,h\nn,2026-03-01 12:00:00,1.5,\ns,2026-03-01 13:00:00,2.5,40\n")
    return str(path)


def replayed(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[tuple[str, dict[str, Any]]]:
    published = Published()
    monkeypatch.setattr(publisher, "Publisher", published)
    assert run(replay, *words).return_value == ExitCode.OK
    return [(topic, json.loads(payload)) for topic, payload in published.messages]


def test_a_row_is_a_message_without_its_nulls(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    first, second = replayed(monkeypatch, file, "--device-column", "station", "--topic", "air/{device}")
    assert first[0] == "air/n"
    assert {name: first[1][name] for name in ("device_id", "t", "seq")} == {"device_id": "n", "t": 1.5, "seq": 1}
    assert "h" not in first[1]
    assert (second[0], second[1]["h"]) == ("air/s", 40)


def test_only_rows_of_the_range_are_sent(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    ((_, body),) = replayed(monkeypatch, file, "--from", "2026-03-01T12:30:00", "--device-column", "station")
    assert body["t"] == 2.5
    assert replayed(monkeypatch, file, "--to", "2026-03-01", "--device-column", "station") == []


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan"])
def test_a_speed_is_a_positive_number_or_max(file: str, speed: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a positive number nor 'max'"):
        run(replay, file, "--speed", speed)


def test_a_message_that_was_not_acknowledged_fails(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setattr(publisher, "Publisher", Published(unacknowledged=1))
    assert run(replay, file, "--speed", "max").return_value == ExitCode.CHECK_FAILED
