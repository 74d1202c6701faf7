"""Freshness in two ways: Dagster's policies on when an asset was materialised, and checks on the age of its data.

A policy alone turns green when an old day is backfilled. The checks use the newest event time of each layer. A sensor
reads it from the ledger and its copy of the warehouse's state, so a check turns red even when no run happens.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DefaultSensorStatus,
    FreshnessPolicy,
    MetadataValue,
    ResourceParam,
    SensorEvaluationContext,
    SensorResult,
    multi_asset_check,
    sensor,
)

from sensor_platform.orchestration.checks.ages import Age, Verdict, ages
from sensor_platform.orchestration.checks.changed_verdicts import report_changed
from sensor_platform.orchestration.metadata_tables import Facts
from sensor_platform.orchestration.site_in_force import LOADED
from sensor_platform.settings import Settings

FRESHNESS_CHECK = "freshness"
_SEVERITY = {
    Verdict.EMPTY: AssetCheckSeverity.WARN,
    Verdict.FRESH: AssetCheckSeverity.WARN,
    Verdict.LATE: AssetCheckSeverity.WARN,
    Verdict.STALE: AssetCheckSeverity.ERROR,
}


def policy_of(layer: str) -> FreshnessPolicy | None:
    """Dagster's policy on the last materialisation of a layer. None for a table without a freshness setting."""
    promise = LOADED.site.freshness.get(layer)
    if promise is None:
        return None
    return FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=promise.fail_minutes), warn_window=timedelta(minutes=promise.warn_minutes)
    )


_SPECS = [
    AssetCheckSpec(
        FRESHNESS_CHECK,
        asset=layer,
        description=f"The newest event is at most {promise.warn_minutes} minutes old (red at {promise.fail_minutes}).",
    )
    for layer, promise in LOADED.site.freshness.items()
]


@multi_asset_check(specs=_SPECS, name="freshness", can_subset=True)
def freshness_checks(
    context: AssetCheckExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[AssetCheckResult]:
    """Check the selected layers now; the sensor does the same for all layers without a run."""
    wanted = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys}
    for age in ages(settings.home, settings.site, datetime.now(UTC)):
        if age.layer not in wanted:
            continue
        yield AssetCheckResult(
            asset_key=AssetKey(age.layer),
            check_name=FRESHNESS_CHECK,
            passed=age.verdict is Verdict.FRESH,
            severity=_SEVERITY[age.verdict],
            description=age.sentence,
            metadata=_facts(age),
        )


@sensor(
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Checks the age of the newest data of every layer, without a run.",
)
def freshness_sensor(context: SensorEvaluationContext, settings: ResourceParam[Settings]) -> SensorResult:
    """Report the layers whose verdict has changed, and all of them once in ten minutes."""
    now = datetime.now(UTC)
    found = ages(settings.home, settings.site, now)
    return report_changed([(age.verdict, _evaluation(age)) for age in found], context.instance, context.cursor, now)


def _evaluation(age: Age) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(
        asset_key=AssetKey(age.layer),
        check_name=FRESHNESS_CHECK,
        passed=age.verdict is Verdict.FRESH,
        severity=_SEVERITY[age.verdict],
        description=age.sentence,
        metadata={
            key: MetadataValue.float(value) if isinstance(value, float) else value for key, value in _facts(age).items()
        },
    )


def _facts(age: Age) -> Facts:
    facts: Facts = {"warn_minutes": age.warn_minutes, "fail_minutes": age.fail_minutes}
    if age.newest_event_at is not None:
        facts["newest_event_at"] = MetadataValue.timestamp(age.newest_event_at)
    if age.devices:
        facts |= {"devices": age.devices, "fresh_devices": age.fresh_devices[0]}
    if age.minutes is not None:
        facts["age_minutes"] = round(age.minutes, 1)
    return facts
