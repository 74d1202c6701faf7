"""What Dagster keeps of a range is what its own storage would keep, in one commit for each file, not thousands."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterEventType,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    MaterializeResult,
    asset,
)

from sensor_platform.orchestration.partitions import ONE_RUN, RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.orchestration.storage.event_batching import BatchingEventLog
from sensor_platform.orchestration.storage.instance import SHIPPED

DAYS = [f"2026-01-0{day}" for day in range(1, 6)]
TABLE = AssetKey("table")
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")


@cache
def range_asset() -> AssetsDefinition:
    """One asset of days, made in one run, with a check."""

    @asset(
        partitions_def=DailyPartitionsDefinition(DAYS[0]),
        backfill_policy=ONE_RUN,
        check_specs=[AssetCheckSpec("holds", asset=TABLE)],
    )
    def table(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
        rows = len(context.partition_keys)
        yield MaterializeResult(metadata={"rows": rows}, check_results=[AssetCheckResult(passed=True)])

    return table


@pytest.fixture(params=["ours", "dagster"])
def instance(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DagsterInstance]:
    """As dagster.yaml says, and Dagster's own: what is kept must not differ."""
    (tmp_path / "dagster.yaml").write_bytes(SHIPPED.read_bytes() if request.param == "ours" else b"")
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster.yaml").write_bytes(SHIPPED.read_bytes())
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        assert isinstance(opened.event_log_storage, BatchingEventLog)
        yield opened


def run(instance: DagsterInstance) -> str:
    job = Definitions(assets=[range_asset()]).resolve_implicit_global_asset_job_def()
    tags = {RANGE_START_TAG: DAYS[0], RANGE_END_TAG: DAYS[-1]}
    return job.execute_in_process(instance=instance, tags=tags).run_id


def check_kept(instance: DagsterInstance, run_id: str) -> None:
    materialized = instance.fetch_materializations(TABLE, limit=100).records
    assert sorted(record.partition_key or "" for record in materialized) == DAYS
    kept = instance.all_logs(run_id)
    counts = {
        kind: sum(entry.dagster_event_type == kind for entry in kept)
        for kind in (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    }
    assert set(counts.values()) == {len(DAYS)}
    assert instance.get_materialized_partitions(TABLE) == set(DAYS)
    event = instance.get_latest_materialization_event(TABLE)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["rows"].value == len(DAYS)
    checked = instance.event_log_storage.get_asset_check_execution_history(AssetCheckKey(TABLE, "holds"), limit=100)
    assert [record.status.value for record in checked] == ["SUCCEEDED"] + ["PLANNED"] * len(DAYS)


def test_every_event_of_a_range_is_kept_as_dagster_would(instance: DagsterInstance) -> None:
    check_kept(instance, run(instance))


def test_the_events_of_a_range_are_one_commit_in_each_file(
    ours: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    whole = BatchingEventLog.open_shard

    def spy(self: BatchingEventLog, shard: str, stack: object) -> object:
        opened.append(shard)
        return whole(self, shard, stack)  # type: ignore[arg-type]

    monkeypatch.setattr(BatchingEventLog, "open_shard", spy)
    run_id = run(ours)
    assert sorted(opened) == sorted([run_id, "index"] * 2), "planned, and materialized"


def test_a_batch_that_cannot_be_kept_leaves_nothing_and_its_events_are_kept_one_by_one(
    ours: DagsterInstance, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, fails = BatchingEventLog.store_event, iter([False, False, True])

    def store(self: BatchingEventLog, event: object) -> None:
        whole(self, event)  # type: ignore[arg-type]
        if next(fails, False):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(BatchingEventLog, "store_event", store)
    check_kept(ours, run(ours))
    assert "No space left" in capfd.readouterr().err


def test_dagsters_own_storage_reads_what_was_kept_and_goes_on(ours: DagsterInstance, tmp_path: Path) -> None:
    first = run(ours)
    (tmp_path / "dagster.yaml").write_bytes(b"")
    with DagsterInstance.from_config(str(tmp_path)) as plain:
        check_kept(plain, first)
        run(plain)
    assert len(ours.fetch_materializations(TABLE, limit=100).records) == 2 * len(DAYS)
