"""The alert history as an asset: what the site's rules make of everything that was published."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, asset

from sensor_platform.kernel.clock import now_micros
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS
from sensor_platform.orchestration.retry_policy import tried_again
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
    """`alerts` and `alert_events`: replays what arrived since the last time. Does not touch the warehouse."""
    from sensor_platform.alert.history.build_alerts import build_alerts

    with tried_again(context, settings.site.runs):
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
