"""The first asset of the graph: a day's landing files, compared with the ledger."""

from collections.abc import Iterator
from datetime import timedelta

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from sensor_platform.landing.integrity.day_files import VerifiedDays, verify_days
from sensor_platform.orchestration.checks.freshness import policy_of
from sensor_platform.orchestration.checks.integrity import LEDGER, mend_files
from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, scope_of
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.settings import Settings

FILES_AGREE = "landing_files"
_SHOWN = 31
_WHAT_TO_DO = {
    True: "the files are set aside, and their slots are not rebuilt; restore them from a backup (docs/proof.md)",
    False: "the files were set aside and landed again from the raw archive",
}


ledger = AssetSpec(
    LEDGER,
    group_name="landing",
    kinds={"sqlite"},
    owners=OWNERS,
    description="The ledger, its files and their archive, as the lander wrote them; the job `proof` checks them.",
)


@asset(
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="landing",
    kinds={"parquet", "mqtt"},
    owners=OWNERS,
    freshness_policy=policy_of("landing"),
    check_specs=[
        AssetCheckSpec(
            FILES_AGREE,
            asset="landing",
            blocking=True,
            description="Every new landing file has the size, SHA-256 and number of rows that the ledger records.",
        )
    ],
)
def landing(context: AssetExecutionContext, settings: ResourceParam[Settings]) -> Iterator[MaterializeResult[None]]:
    """Readings as landed, by day of event time: one row per reading, neither deduplicated nor validated.

    The collector and the lander write the files without Dagster; this step verifies them against the ledger.
    """
    work = scope_of(context)
    with with_retries(context, settings.site.runs):
        found = verify_days(
            settings.home,
            (work.first, work.last),
            is_whole=work.position is None,
            slot=timedelta(minutes=settings.site.slot_minutes),
        )
        is_lost = False
        if found.damage:
            _, _, lost = mend_files(settings, is_full=True, only=[each.file for each in found.damage])
            is_lost = not {each.file for each in lost}.isdisjoint(each.file for each in found.damage)
    yield MaterializeResult(metadata=_metadata(found), check_results=[_check(found, is_lost=is_lost)])


def _metadata(found: VerifiedDays) -> Facts:
    metadata: Facts = {
        "rows": found.rows,
        "checked_files": found.checked_files,
        "checked_rows": found.checked_rows,
        "devices": found.devices,
        "late_rows": found.late_rows,
        "by_day": as_table(found.days[-_SHOWN:]),
    }
    if found.newest_event_at is not None:
        metadata["newest_event_at"] = MetadataValue.timestamp(found.newest_event_at)
    return metadata


def _check(found: VerifiedDays, *, is_lost: bool) -> AssetCheckResult:
    """Red and blocking if readings are missing now; amber if the raw archive restored them."""
    return AssetCheckResult(
        check_name=FILES_AGREE,
        passed=not found.damage,
        severity=AssetCheckSeverity.ERROR if is_lost else AssetCheckSeverity.WARN,
        description=_WHAT_TO_DO[is_lost] if found.damage else None,
        metadata={"checked_files": found.checked_files, "damaged": as_table(found.damage[:_SHOWN])},
    )
