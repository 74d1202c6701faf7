"""Amber or red if too many messages are quarantined. A sensor checks it too, because bad messages start no run."""

from datetime import UTC, datetime

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    DefaultSensorStatus,
    ResourceParam,
    SensorEvaluationContext,
    SensorResult,
    asset_check,
    sensor,
)

from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.quarantine.reject_rate import Level, QuarantineRate, quarantine_rate
from sensor_platform.orchestration.checks.changed_verdicts import report_changed
from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.settings import Settings

QUARANTINE_RATE = "quarantine_rate"
_SHOWN = 10


@asset_check(
    asset="landing",
    name=QUARANTINE_RATE,
    description="The share of quarantined messages in the last hours is below the site's limits.",
)
def quarantine_rate_check(settings: ResourceParam[Settings]) -> AssetCheckResult:
    """Judge the share of the last hours now; the metadata lists the most frequent rules."""
    # brings Polars, whose threads forbid a warm fork
    from sensor_platform.landing.quarantine.listing import count_rules

    found = _rate(settings, datetime.now(UTC))
    facts = _facts(found) | {"rules": as_table(count_rules(settings.home)[:_SHOWN])}
    return AssetCheckResult(
        passed=found.level is Level.GOOD, severity=_severity(found), description=found.sentence, metadata=facts
    )


@sensor(
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Checks the share of quarantined messages, without a run.",
)
def quarantine_sensor(context: SensorEvaluationContext, settings: ResourceParam[Settings]) -> SensorResult:
    """Report when the verdict has changed, and once in ten minutes."""
    now = datetime.now(UTC)
    found = _rate(settings, now)
    evaluation = AssetCheckEvaluation(
        asset_key=AssetKey("landing"),
        check_name=QUARANTINE_RATE,
        passed=found.level is Level.GOOD,
        severity=_severity(found),
        description=found.sentence,
        metadata={"received": found.received, "quarantined": found.quarantined, "share": found.share},
    )
    return report_changed([(found.level.value, evaluation)], context.instance, context.cursor, now)


def _rate(settings: Settings, now: datetime) -> QuarantineRate:
    config = settings.site.landing
    return quarantine_rate(
        settings.home,
        to_micros(now),
        hours=config.quarantine_hours,
        warn_share=config.quarantine_warn_share,
        fail_share=config.quarantine_fail_share,
    )


def _severity(found: QuarantineRate) -> AssetCheckSeverity:
    return AssetCheckSeverity.ERROR if found.level is Level.RED else AssetCheckSeverity.WARN


def _facts(found: QuarantineRate) -> Facts:
    return {"received": found.received, "quarantined": found.quarantined, "share": round(found.share, 4)}
