"""Red if a running process has older site files in force than the disk, or a key that it does not change.

A sensor looks too, because a change of the site starts no run.
"""

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

from sensor_platform.orchestration.checks.changed_verdicts import report_changed
from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.settings import Settings
from sensor_platform.versions.reports import SiteState, site_state

SITE_FILES = "site_files"


@asset_check(
    asset="landing",
    name=SITE_FILES,
    description="Every running process has the contracts, catalog, rules and settings of the site folder in force.",
)
def site_files_check(settings: ResourceParam[Settings]) -> AssetCheckResult:
    """Compare the processes with the files now; the metadata lists versions and faults."""
    found = site_state(settings.home, settings.site_folder)
    return AssetCheckResult(
        passed=not found.faults,
        severity=AssetCheckSeverity.ERROR,
        description=sentence(found),
        metadata=_facts(found),
    )


@sensor(
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Checks whether every process has the site's files in force, without a run.",
)
def site_files_sensor(context: SensorEvaluationContext, settings: ResourceParam[Settings]) -> SensorResult:
    """Report when the verdict has changed, and once in ten minutes."""
    found = site_state(settings.home, settings.site_folder)
    text = sentence(found)
    evaluation = AssetCheckEvaluation(
        asset_key=AssetKey("landing"),
        check_name=SITE_FILES,
        passed=not found.faults,
        severity=AssetCheckSeverity.ERROR,
        description=text,
        metadata={"processes": len(found.processes), "faults": len(found.faults)},
    )
    return report_changed([(text, evaluation)], context.instance, context.cursor, datetime.now(UTC))


def sentence(found: SiteState) -> str:
    """Text for a person."""
    if found.faults:
        return "; ".join(f"{fault.message}; {fault.hint}" for fault in found.faults)
    return f"{len(found.processes)} running processes have the files of the site in force"


def _facts(found: SiteState) -> Facts:
    rows = [
        {"process": each.process, **{name: getattr(each.versions, name) for name in each.versions.__struct_fields__}}
        for each in found.processes
    ]
    return {
        "in_force": as_table(rows),
        "faults": as_table(
            [{"process": each.process, "what": each.message, "hint": each.hint} for each in found.faults]
        ),
    }
