"""Anomaly scores as an asset: two methods, one of them served, with reasons."""

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, asset

from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, WRITER_POOL, scope_of
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.settings import Settings


@asset(
    deps=["readings_1h"],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="forecast",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    pool=WRITER_POOL,
)
def anomalies(context: AssetExecutionContext, settings: ResourceParam[Settings]) -> Iterator[MaterializeResult[None]]:
    """How unusual each hour is: a robust band and a residual per device and metric, with the reason."""
    from sensor_platform.predict.anomaly.build_anomalies import build_anomalies

    work = scope_of(context)
    with with_retries(context, settings.site.runs):
        report = build_anomalies(
            settings.home, settings.site, (work.first, work.last), work.position, now=datetime.now(UTC)
        )
    metadata: Facts = {
        "rows": report.rows,
        "windows": report.windows,
        "flagged": report.flagged,
        "by_metric": as_table(report.by_metric),
        "strongest": as_table(report.strongest),
        "seconds": round(report.seconds, 3),
    }
    if report.newest_hour is not None:
        metadata["newest_event_at"] = MetadataValue.timestamp(report.newest_hour)
    yield MaterializeResult(metadata=metadata)
