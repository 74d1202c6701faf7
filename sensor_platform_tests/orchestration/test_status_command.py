"""The status command beside a platform that has run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sensor_platform.cli.status import status
from sensor_platform.orchestration.partitions import POSITION_TAG
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)


def test_status_says_how_far_everything_is(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(platform.home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    platform.arrive(("d1", at(DAY, 10), 1.0), ("d2", at(DAY, 11), 1.0))
    found = json.loads(CliRunner().invoke(status, ["--json"], catch_exceptions=False).stdout)
    assert found["ledger"]["position"] == 1
    assert found["ledger"]["readings"] == 2
    assert str(DAY) in found["dirty"]["days"]
    assert found["dirty"]["windows"] > 0
    assert found["collector"] is None
    assert found["layers"]["landing"]["newest_event_at"] == at(DAY, 11).isoformat()
    assert found["layers"]["readings_clean"]["newest_event_at"] is None
    assert found["quarantine"] == {"messages": 0, "readings": 0}
    assert found["backlog"] == {"segments": 0, "bytes": 0}
    shown = CliRunner().invoke(status, [], catch_exceptions=False).stdout
    assert "position 1, 2 readings" in shown
    assert msgspec.json.encode(found)


def test_status_calls_predictions_neither_fresh_nor_late_where_there_are_none(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(platform.home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    moment = datetime.now(UTC) - timedelta(minutes=1)
    platform.arrive(("d1", moment, 1.0))
    assert platform.run(moment.date(), tags={POSITION_TAG: "1"}).success
    layers = json.loads(CliRunner().invoke(status, ["--json"], catch_exceptions=False).stdout)["layers"]
    assert layers["readings_1h"]["verdict"] == "fresh"
    assert layers["predictions"] == {"newest_event_at": None, "age_minutes": None, "verdict": "none"}


def test_status_of_an_empty_home_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    result = CliRunner().invoke(status, ["--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["ledger"] is None
    assert not (tmp_path / "home").exists()
