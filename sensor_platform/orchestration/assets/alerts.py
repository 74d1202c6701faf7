"""The alert history as an asset: the site's rules applied to all published readings."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, asset

from sensor_platform.kernel.clock import now_micros
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.settings import Settings


@asset(
    deps=["published"],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="published",
    kinds={"python", "parquet"},
    owners=OWNERS,
)
def alerts(context: AssetExecutionContext, settings: ResourceParam[Settings]) -> Iterator[MaterializeResult[None]]:
    """`alerts` and `alert_events`: replays readings that arrived since the last run. Does not touch the warehouse."""
    from sensor_platform.alert.history.build_alerts import build_alerts

    with with_retries(context, settings.site.runs):
        report = build_alerts(settings.home, settings.site.alerts, settings.site.live.engine, now_micros())
    redone = report.redone_from
    yield MaterializeResult(
        metadata={
            "alerts": report.alerts,
            "events": report.events,
            "readings_replayed": report.replayed,
            "redone_from": MetadataValue.timestamp(redone / 1e6) if redone is not None else MetadataValue.null(),
            "seconds": round(report.seconds, 3),
        }
    )
