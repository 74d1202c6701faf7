"""Checks that landing is complete: outcomes of messages, checksums of files, and traces from rows to messages."""

from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetSelection,
    DefaultScheduleStatus,
    ResourceParam,
    ScheduleDefinition,
    define_asset_job,
    multi_asset_check,
)

from sensor_platform.home import Home
from sensor_platform.landing.integrity.damage import DamagedFile
from sensor_platform.landing.integrity.verify import Verification
from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.orchestration.site_in_force import LOADED
from sensor_platform.settings import Settings

LEDGER = "ledger"
"""The asset of these checks. Dagster shows a check as not evaluated once its asset was materialised after it: `landing`
is materialised every minute, this one never."""
OUTCOMES, SEQUENCES, FILES, TOO_LATE, TRACES, STEPS = (
    "message_outcomes",
    "missing_sequences",
    "file_checksums",
    "too_late_readings",
    "row_trace",
    "retention_steps",
)
FULL_TAG = "sensor_platform/full_verification"
_SHOWN = 31
_SAMPLE = 3

_SPECS = [
    AssetCheckSpec(
        OUTCOMES, asset=LEDGER, description="Received = landed + quarantined + duplicate + forgotten, in every hour."
    ),
    AssetCheckSpec(SEQUENCES, asset=LEDGER, description="No sequence number of a device is missing."),
    AssetCheckSpec(
        FILES, asset=LEDGER, description="New and changed files (once a day all files) have the recorded SHA-256."
    ),
    AssetCheckSpec(TOO_LATE, asset=LEDGER, description="No reading arrived for a day that can no longer be built."),
    AssetCheckSpec(
        TRACES, asset=LEDGER, description="A sample of hourly rows is traced to landing files and raw archive."
    ),
    AssetCheckSpec(STEPS, asset=LEDGER, description="No step of retention waits because a clock may have jumped."),
]


@multi_asset_check(specs=_SPECS, name="landing_proof")
def proof(context: AssetCheckExecutionContext, settings: ResourceParam[Settings]) -> Iterator[AssetCheckResult]:
    """Audit the ledger, verify files, restore damaged ones from the raw archive, and trace a few rows."""
    from sensor_platform.landing.integrity.audit import audit

    files = _files(settings, is_full=FULL_TAG in context.run.tags)
    found = audit(settings.home)
    yield _result(OUTCOMES, found.difference == 0, AssetCheckSeverity.ERROR, {"difference": found.difference})
    missing = [asdict(each) for each in found.missing[:_SHOWN]]
    lost = sum(each.count for each in found.missing)
    yield _result(SEQUENCES, not missing, AssetCheckSeverity.WARN, {"missing": lost, "ranges": as_table(missing)})
    yield files
    yield _result(TOO_LATE, not found.late_frozen, AssetCheckSeverity.WARN, {"late_rows": found.late_frozen})
    yield _traces(settings)
    yield _steps(settings)


def mend_files(
    settings: Settings, *, is_full: bool, only: Collection[str] | None = None
) -> tuple[Verification, int, tuple[DamagedFile, ...]]:
    """Set damaged files aside and land their segments again from the raw archive.

    Args:
        settings: data folder and site.
        is_full: read every file, not only new and changed ones.
        only: verify these files only.

    Returns:
        The result of the verification, the number of segments landed again, and the files that are still missing.
    """
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.integrity.reland import contracts_of, mend
    from sensor_platform.landing.integrity.verify import verify
    from sensor_platform.landing.lander_lock import changes_lock
    from sensor_platform.warehouse.file.writer_lock import writer_lock

    site = settings.site
    wait = site.warehouse.lock_wait_seconds
    found = verify(
        settings.home,
        now_micros(),
        is_full=is_full,
        only=only,
        lock=lambda: writer_lock(settings.home, "verify", wait_seconds=wait),
    )
    if not found.missed:
        return found, 0, ()
    contracts = contracts_of(site.contracts, site.landing, site.start, site.slot_minutes)
    with (
        changes_lock(settings.home, "mending", wait_seconds=wait),
        writer_lock(settings.home, "mending", wait_seconds=wait),
    ):
        mended = mend(settings.home, found.missed, contracts, now_micros).segments
        left = verify(settings.home, now_micros(), is_full=False).missed
    return found, mended, tuple(each for each in left if each.kind == "landing")


def _files(settings: Settings, *, is_full: bool) -> AssetCheckResult:
    found, mended, lost = mend_files(settings, is_full=is_full)
    damaged = [{"file": each.file, "what": each.what, "rows": each.rows, "aside": each.aside} for each in found.missed]
    return AssetCheckResult(
        asset_key=LEDGER,
        check_name=FILES,
        passed=not found.missed,
        severity=AssetCheckSeverity.ERROR if lost else AssetCheckSeverity.WARN,
        description="restore the files from a backup: docs/proof.md" if lost else None,
        metadata={
            "verified_files": found.files,
            "verified_bytes": found.bytes,
            "damaged": as_table(damaged[:_SHOWN]),
            "segments_landed_again": mended,
            "still_missed": len(lost),
        },
    )


def _traces(settings: Settings) -> AssetCheckResult:
    """Trace the newest hourly rows: landing must have as many readings as the row counts, or more (duplicates)."""
    from sensor_platform.errors import PlatformError
    from sensor_platform.warehouse.trace import trace

    broken: list[dict[str, str]] = []
    messages = 0
    rows = _newest_rows(settings.home)
    for device_id, metric, at, n in rows:
        try:
            found = trace(settings.home, settings.site, "readings_1h", device_id, metric, at.replace(tzinfo=UTC))
        except PlatformError as error:
            broken.append({"device": device_id, "metric": metric, "hour": str(at), "why": error.message})
            continue
        messages += len(found.messages)
        if found.total < n:
            why = f"{found.total} readings in landing, the row counts {n}"
            broken.append({"device": device_id, "metric": metric, "hour": str(at), "why": why})
    facts: Facts = {"rows": len(rows), "messages": messages, "broken": as_table(broken)}
    return _result(TRACES, not broken, AssetCheckSeverity.ERROR, facts)


def _steps(settings: Settings) -> AssetCheckResult:
    """Steps of retention that wait for a person, and a landing floor in the future."""
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.long_steps import long_steps

    waiting = long_steps(settings.home, settings.site.retention.landing_days, now_micros())
    rows = [
        {"what": each.what, "at": str(each.at), "due": str(each.due), "days": each.days, "hint": each.hint}
        for each in waiting
    ]
    return AssetCheckResult(
        asset_key=LEDGER,
        check_name=STEPS,
        passed=not waiting,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(f"{each.detail}; {each.hint}" for each in waiting) or None,
        metadata={"waiting": as_table(rows)},
    )


def _newest_rows(home: Home) -> list[tuple[str, str, datetime, int]]:
    """Read a few of the newest published hourly rows: device, metric, window start, number of readings."""
    import duckdb

    pieces = sorted(home.published.glob("readings_1h/day=*/*.parquet"))[-1:]
    if not pieces:
        return []
    with duckdb.connect() as connection:
        return connection.execute(
            "select device_id, metric, window_start, n from read_parquet(?, hive_partitioning = false)"
            " where n > 0 order by window_start desc, hash(device_id || metric) limit ?",
            [str(pieces[0]), _SAMPLE],
        ).fetchall()


def _result(name: str, passed: bool, severity: AssetCheckSeverity, metadata: Facts) -> AssetCheckResult:  # noqa: FBT001
    return AssetCheckResult(asset_key=LEDGER, check_name=name, passed=passed, severity=severity, metadata=metadata)


proof_job = define_asset_job(
    "proof",
    selection=AssetSelection.checks(proof),
    description="Proves the outcomes of messages, the checksums of files, and traces of rows.",
)
hourly_proof = ScheduleDefinition(
    name="hourly_proof",
    job=proof_job,
    cron_schedule="50 * * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
daily_verification = ScheduleDefinition(
    name="daily_verification",
    job=proof_job,
    cron_schedule=LOADED.site.runs.verify_cron,
    tags={FULL_TAG: "true"},
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
SCHEDULES = (hourly_proof, daily_verification)
