"""What Dagster loads: complete, documented, without warnings, and able to be sent by a code server."""

import json
import warnings
from pathlib import Path

import pytest
import yaml
from dagster import AssetCheckSpec, AssetKey, DefaultScheduleStatus, DefaultSensorStatus
from dagster._core.remote_representation.external_data import RepositorySnap

from sensor_platform import definitions
from sensor_platform.definitions import defs
from sensor_platform.orchestration.assets.readings import MANIFEST
from sensor_platform.orchestration.partitions import DAYS, WRITER_POOL
from sensor_platform.orchestration.storage.instance import SHIPPED
from sensor_platform.site import DEFAULT_FRESHNESS
from sensor_platform.warehouse.lineage import dbt_models

GRAPH = defs.resolve_asset_graph()
OURS = sorted((node for node in GRAPH.asset_nodes if node.is_executable), key=lambda node: node.key)
TABLES = {"landing", *dbt_models(), "features", "predictions", "anomalies", "supervised_scores", "published"}


def test_definitions_are_a_table_of_contents() -> None:
    assert len(Path(definitions.__file__).read_text().splitlines()) <= 60


def test_a_code_server_can_send_everything() -> None:
    """`dagster definitions validate` is content with tags that no code server can serialise."""
    from dagster._serdes import serialize_value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Dagster reads a property that it has deprecated itself
        assert serialize_value(RepositorySnap.from_def(defs.get_repository_def()))


def test_the_flow_is_one_graph_by_day() -> None:
    assert {node.key.to_user_string() for node in OURS if node.partitions_def == DAYS} >= TABLES
    assert GRAPH.get(AssetKey("forecast_model")).partitions_def is None
    assert GRAPH.get_ancestor_asset_keys(AssetKey("published")) >= {AssetKey(name) for name in TABLES - {"published"}}


@pytest.mark.parametrize("node", OURS, ids=lambda node: node.key.to_user_string())
def test_every_asset_says_what_it_is_and_whose(node: object) -> None:
    assert node.description, "a description"  # type: ignore[attr-defined]
    assert node.owners  # type: ignore[attr-defined]
    assert node.kinds  # type: ignore[attr-defined]
    assert node.group_name in {"landing", "readings", "forecast", "published"}  # type: ignore[attr-defined]


def test_a_range_of_any_asset_is_one_run() -> None:
    for node in OURS:
        if node.partitions_def is not None and not node.is_virtual:
            assert node.backfill_policy is not None
            assert node.backfill_policy.max_partitions_per_run is None


def test_what_writes_the_warehouse_carries_the_pool() -> None:
    pools = {node.key.to_user_string(): node.pools for node in OURS if not node.is_virtual}
    assert {name for name, found in pools.items() if found == {WRITER_POOL}} == (TABLES - {"landing"}) | {
        "forecast_health",
        "supervised_health",
    }


def test_every_layer_promises_freshness_twice() -> None:
    for layer in DEFAULT_FRESHNESS:
        node = GRAPH.get(AssetKey(layer))
        assert node.freshness_policy is not None
        assert "freshness" in {key.name for key in node.check_keys}


def test_broken_invariants_block_and_bad_readings_do_not() -> None:
    blocking = {}
    for key in GRAPH.asset_check_keys:
        spec = GRAPH.get_check_spec(key)
        assert isinstance(spec, AssetCheckSpec)
        blocking[key.asset_key.to_user_string(), key.name] = spec.blocking
    assert blocking["landing", "landing_files"]
    assert [name for (table, name), blocks in blocking.items() if table == "readings_clean" and blocks]
    assert not any(blocks for (_, name), blocks in blocking.items() if name == "freshness")


def test_sensors_and_schedules_run_from_the_start() -> None:
    """Their names: `data/interface.json`."""
    repository = defs.get_repository_def()
    assert {sensor.default_status for sensor in repository.sensor_defs} == {DefaultSensorStatus.RUNNING}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {DefaultScheduleStatus.RUNNING}


def test_the_shipped_instance_is_as_the_docs_say() -> None:
    shipped = yaml.safe_load(SHIPPED.read_text())
    assert shipped["telemetry"] == {"enabled": False}
    assert shipped["concurrency"]["pools"] == {"default_limit": 2, "granularity": "op"}
    assert shipped["run_coordinator"]["config"]["dequeue_interval_seconds"] == 1
    assert shipped["run_retries"]["enabled"]
    assert shipped["run_monitoring"]["enabled"]


def test_every_dbt_test_is_a_check() -> None:
    nodes = json.loads(MANIFEST.read_text())["nodes"].values()
    names = {node["name"] for node in nodes if node["resource_type"] == "test"}
    assert names
    assert names <= {key.name for key in GRAPH.asset_check_keys}
