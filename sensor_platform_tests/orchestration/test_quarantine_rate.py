"""The share of quarantined messages turns a check amber or red; the sensor says so without a run."""

from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    DagsterInstance,
    SensorResult,
    build_sensor_context,
)

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.quarantine.reject_rate import Level, quarantine_rate
from sensor_platform.orchestration.checks.quarantine_rate import quarantine_rate_check, quarantine_sensor
from sensor_platform.settings import Settings, load_settings
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment


@pytest.mark.parametrize(("bad", "level"), [(0, Level.GOOD), (1, Level.GOOD), (2, Level.AMBER), (11, Level.RED)])
def test_the_level_follows_the_share_of_the_newest_hours(tmp_path: Path, bad: int, level: Level) -> None:
    home = Home(tmp_path)
    seal_segment(home, 1, [Message(b"garbage")] * bad + [Message(b'{"id": 1, "t": 1}')] * (100 - bad))
    land_all(home)
    found = quarantine_rate(home, T0 + HOUR, hours=2, warn_share=0.01, fail_share=0.1)
    assert (found.received, found.quarantined, found.level) == (100, bad, level)
    later = quarantine_rate(home, T0 + 3 * HOUR, hours=2, warn_share=0.01, fail_share=0.1)
    assert (later.received, later.share, later.level) == (0, 0.0, Level.GOOD)


def test_check_and_sensor_report_the_same_and_the_sensor_only_what_is_new(tmp_path: Path) -> None:
    settings: Settings = load_settings({"SENSOR_PLATFORM_HOME": str(tmp_path)})
    with DagsterInstance.ephemeral() as instance:
        _report(tmp_path, settings, instance)


def _report(tmp_path: Path, settings: Settings, instance: DagsterInstance) -> None:
    first = quarantine_sensor(build_sensor_context(instance=instance, resources={"settings": settings}))
    assert isinstance(first, SensorResult)
    (evaluation,) = first.asset_events
    assert isinstance(evaluation, AssetCheckEvaluation)
    assert evaluation.passed
    again = quarantine_sensor(
        build_sensor_context(instance=instance, resources={"settings": settings}, cursor=first.cursor)
    )
    assert isinstance(again, SensorResult)
    assert not again.asset_events
    _garbage(Home(tmp_path))
    third = quarantine_sensor(
        build_sensor_context(instance=instance, resources={"settings": settings}, cursor=first.cursor)
    )
    assert isinstance(third, SensorResult)
    (evaluation,) = third.asset_events
    assert isinstance(evaluation, AssetCheckEvaluation)
    assert (evaluation.passed, evaluation.severity) == (False, AssetCheckSeverity.ERROR)
    result = quarantine_rate_check(settings=settings)
    assert isinstance(result, AssetCheckResult)
    assert (result.passed, result.severity) == (False, AssetCheckSeverity.ERROR)
    assert "undecodable" in str(result.metadata["rules"])
    assert LandingConfig().quarantine_fail_share == 0.1


def _garbage(home: Home) -> None:
    from datetime import UTC, datetime

    now = to_micros(datetime.now(UTC))
    seal_segment(home, 1, [Message(b"garbage")] * 5, received_at=now)
    land_all(home, now=now)
