"""When a sensor reports verdicts that it has reported before."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetCheckEvaluation, AssetKey, DagsterInstance

from sensor_platform.orchestration.checks.changed_verdicts import changed, remember, report_changed

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=9)
GOOD = {"landing": "fresh", "published": "fresh"}


def test_verdicts_are_reported_when_they_change_and_every_ten_minutes() -> None:
    assert changed(GOOD, None, NOW) == set(GOOD)
    memory = remember(GOOD, GOOD, None, NOW)
    assert changed(GOOD, memory, LATER) == set()
    worse = GOOD | {"published": "late"}
    assert changed(worse, memory, LATER) == {"published"}
    later = remember(worse, {"published"}, memory, LATER)
    assert changed(worse, later, LATER) == set()
    assert changed(worse, later, NOW + timedelta(minutes=10)) == set(GOOD)


@pytest.mark.parametrize("cursor", ["green|2026-03-10T12:00:00+00:00", "2026-03-10T12:00:00+00:00|all is well"])
def test_a_cursor_of_an_earlier_version_counts_as_nothing_reported(cursor: str) -> None:
    evaluation = AssetCheckEvaluation(asset_key=AssetKey("landing"), check_name="any", passed=True, metadata={})
    with DagsterInstance.ephemeral() as instance:
        first = report_changed([("green", evaluation)], instance, cursor, NOW)
        assert first.asset_events == [evaluation]
        second = report_changed([("green", evaluation)], instance, first.cursor, LATER)
        assert (second.asset_events, second.cursor) == ([], first.cursor)
