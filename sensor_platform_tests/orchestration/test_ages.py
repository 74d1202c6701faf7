"""Age of the newest data, from the ledger and the copy of the state, with no run and no DuckDB."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetCheckEvaluation, DagsterInstance, SensorResult, build_sensor_context

from sensor_platform.orchestration.checks.ages import Age, Verdict, ages, newest_events
from sensor_platform.orchestration.checks.freshness import freshness_sensor
from sensor_platform.orchestration.partitions import POSITION_TAG
from sensor_platform.site import DEFAULT_FRESHNESS
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def age(minutes: float | None, layer: str = "landing") -> Age:
    newest = None if minutes is None else NOW - timedelta(minutes=minutes)
    return Age(layer, newest, minutes, warn_minutes=5, fail_minutes=15)


@pytest.mark.parametrize(
    ("minutes", "verdict"),
    [
        (0.0, Verdict.FRESH),
        (5.0, Verdict.FRESH),
        (5.1, Verdict.LATE),
        (15.0, Verdict.LATE),
        (15.1, Verdict.STALE),
        (None, Verdict.EMPTY),
        (-1.0, Verdict.FRESH),
    ],
)
def test_limits_are_inclusive(minutes: float | None, verdict: Verdict) -> None:
    assert age(minutes).verdict is verdict


def test_an_empty_home_is_late_in_every_layer(platform: Platform) -> None:
    found = ages(platform.home, platform.settings.site, NOW)
    assert {one.layer for one in found} == set(DEFAULT_FRESHNESS)
    assert {one.verdict for one in found} == {Verdict.EMPTY}
    assert not platform.home.ledger_file.exists(), "looking creates nothing"


def test_each_layer_is_as_new_as_the_data_that_it_has_seen(platform: Platform) -> None:
    day = TODAY - timedelta(days=1)
    platform.arrive(("d1", at(day, 10, 3), 1.0))
    assert newest_events(platform.home, platform.settings.site) == {"landing": at(day, 10, 3)}
    assert platform.run(day, tags={POSITION_TAG: "1"}).success
    assert newest_events(platform.home, platform.settings.site) == dict.fromkeys(DEFAULT_FRESHNESS, at(day, 10, 3))
    platform.arrive(("d1", at(day, 15, 42), 2.0))
    late = newest_events(platform.home, platform.settings.site)
    assert late.pop("landing") == at(day, 15, 42)
    assert set(late.values()) == {at(day, 10, 10)}, "the end of the newest slot that a run has seen"


def test_a_backfill_of_an_old_day_makes_no_layer_fresh(platform: Platform) -> None:
    old = TODAY - timedelta(days=30)
    platform.arrive(("d1", at(old, 10), 1.0))
    assert platform.run(old).success
    found = ages(platform.home, platform.settings.site, datetime.now(UTC))
    assert {one.verdict for one in found} == {Verdict.STALE}


def test_the_sensor_reports_every_layer_without_a_run(platform: Platform) -> None:
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(instance=instance, resources={"settings": platform.settings})
        result = freshness_sensor(context)
        assert isinstance(result, SensorResult)
        assert {event.asset_key.to_user_string() for event in result.asset_events} == set(DEFAULT_FRESHNESS)
        assert all(isinstance(event, AssetCheckEvaluation) and not event.passed for event in result.asset_events)
        again = build_sensor_context(instance=instance, cursor=result.cursor, resources={"settings": platform.settings})
        second = freshness_sensor(again)
        assert isinstance(second, SensorResult)
        assert second.asset_events == []
