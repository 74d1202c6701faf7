"""Results of checks that Dagster's pages show: `executionForLatestMaterialization` of its GraphQL API is not null."""

import asyncio
import time

from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    SensorResult,
    build_sensor_context,
    materialize,
    op,
)
from dagster._core.loader import LoadingContextForTest

from sensor_platform.orchestration.checks import freshness
from sensor_platform.orchestration.checks.outdated_results import outdated
from sensor_platform_tests.orchestration.platforms import Platform

KEYS = [AssetCheckKey(AssetKey(layer), freshness.FRESHNESS_CHECK) for layer in ("landing", "published")]
LANDING, PUBLISHED = KEYS


@op(name="made")
def _landing() -> None:
    """A run that materialises landing, without its checks."""


def shown(instance: DagsterInstance) -> set[AssetCheckKey]:
    """Checks whose result Dagster's pages show: as its GraphQL API finds them."""
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(KEYS)
    loadings = {key: LoadingContextForTest(instance) for key in records}
    return {key for key, record in records.items() if asyncio.run(record.targets_latest_materialization(loadings[key]))}


def look(platform: Platform, cursor: str | None) -> SensorResult:
    """A look of the sensor, whose results Dagster stores."""
    resources = {"settings": platform.settings}
    context = build_sensor_context(instance=platform.instance, resources=resources, cursor=cursor)
    found = freshness.freshness_sensor(context)
    assert isinstance(found, SensorResult)
    for event in found.asset_events:
        platform.instance.report_runless_asset_event(event)
    return found


def test_a_result_of_before_the_newest_materialisation_is_reported_again(platform: Platform) -> None:
    instance = platform.instance
    cursor = look(platform, None).cursor
    assert shown(instance) == {LANDING, PUBLISHED}
    assert materialize(
        [AssetsDefinition.from_op(_landing, keys_by_output_name={"result": LANDING.asset_key})], instance=instance
    ).success
    assert shown(instance) == {PUBLISHED}, "otherwise this tests nothing"
    assert outdated(instance, KEYS) == {LANDING}
    time.sleep(1.1)  # SQLite times a result by whole seconds, and one of the second of the materialisation is not shown
    second = look(platform, cursor)
    assert [event.asset_key.to_user_string() for event in second.asset_events] == ["landing"]
    assert shown(instance) == {LANDING, PUBLISHED}
    assert look(platform, second.cursor).asset_events == []


def test_a_check_without_any_result_is_not_outdated() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert outdated(instance, KEYS) == set()
