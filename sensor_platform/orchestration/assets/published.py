"""The published files for analysts, as an asset: the end of the graph."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, asset

from sensor_platform.orchestration.checks.freshness import policy_of
from sensor_platform.orchestration.metadata_tables import as_table
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, WRITER_POOL
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.settings import Settings
from sensor_platform.warehouse.lineage import models
from sensor_platform.warehouse.publish import publish

_TABLES = [
    model.name
    for model in models().values()
    if model.builder in {"dbt", "python"} and model.is_published and model.written_with is None
]


@asset(
    deps=_TABLES,
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="published",
    kinds={"parquet", "duckdb"},
    owners=OWNERS,
    freshness_policy=policy_of("published"),
    pool=WRITER_POOL,
)
def published(
    context: AssetExecutionContext,
    settings: ResourceParam[Settings],
) -> Iterator[MaterializeResult[None]]:
    """Parquet files and `analytics.duckdb`, never locked. Writes all files that are older than their table."""
    with with_retries(context, settings.site.runs):
        report = publish(settings.home, settings.site)
    tables = [
        {"table": name, "pieces": done.files, "rows": done.rows, "bytes": done.bytes}
        for name, done in report.tables.items()
    ]
    yield MaterializeResult(
        metadata={
            "pieces": sum(done.files for done in report.tables.values()),
            "bytes": sum(done.bytes for done in report.tables.values()),
            "tables": as_table(tables),
            "file": MetadataValue.path(settings.home.analytics_file),
            "seconds": round(report.seconds, 3),
        }
    )
