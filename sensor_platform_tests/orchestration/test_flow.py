"""Real partitions, materialised from messages."""

from datetime import timedelta

import pytest
from dagster import AssetKey, ExecuteInProcessResult

from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)
TABLES = (*dbt_models(), "features")


def hashes(platform: Platform) -> dict[str, object]:
    """One number per table, regardless of the order of rows."""
    return {table: platform.warehouse(f"select count(*), bit_xor(hash({table})) from {table}")[0] for table in TABLES}


def materialized(result: ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {
        (event.asset_key.to_user_string(), event.partition)
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.partition
    }


def test_a_day_goes_from_landing_files_to_what_analysts_read(platform: Platform) -> None:
    platform.arrive(*[("d1", at(DAY, 10, minute), float(minute)) for minute in range(30)])
    result = platform.run(DAY)
    assert result.success
    assert platform.analysts("select count(*) from readings_clean") == [(30,)]
    event = platform.instance.get_latest_materialization_event(AssetKey("landing"))
    assert event is not None
    assert event.asset_materialization is not None
    facts = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (facts["rows"], facts["devices"], facts["checked_files"]) == (30, 1, 1)
    assert facts["newest_event_at"] == at(DAY, 10, 29).timestamp()


SAID = ("predictions", "anomalies", "supervised_scores", "alerts")


def test_a_range_is_one_run_with_every_day_of_every_table(platform: Platform) -> None:
    days = [DAY + timedelta(days=number) for number in range(3)]
    platform.arrive(*[("d1", at(day, 10), 1.0) for day in days])
    result = platform.run(days[0], days[-1])
    assert result.success
    assert platform.instance.get_runs_count() == 1
    expected = {(table, day.isoformat()) for table in (*TABLES, "landing", *SAID, "published") for day in days}
    assert materialized(result) == expected


def test_materialising_twice_changes_nothing(platform: Platform) -> None:
    platform.arrive(*[("d1", at(DAY, hour, 5), float(hour)) for hour in range(24)])
    assert platform.run(DAY).success
    before = hashes(platform)
    assert platform.run(DAY).success
    assert hashes(platform) == before


@pytest.mark.soak
def test_one_range_makes_the_same_tables_as_day_by_day(platform: Platform) -> None:
    days = [DAY + timedelta(days=number) for number in range(3)]
    platform.arrive(*[("d1", at(day, hour, 59), float(hour)) for day in days for hour in range(24)])
    for day in days:
        assert platform.run(day).success
    before = hashes(platform)
    assert platform.run(days[0], days[-1]).success
    assert hashes(platform) == before
