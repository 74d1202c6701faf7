"""Dagster's folder in the home: writes the shipped `dagster.yaml`, and reads the last runs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance, RunRecord

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.orchestration.partitions import LANE_TAG, PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG

SHIPPED = Path(__file__).resolve().parents[3] / "dagster.yaml"
_NAME = "dagster.yaml"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run, for a person."""

    run_id: str
    job: str
    status: str
    lane: str | None
    first_day: str | None
    last_day: str | None
    started_at: datetime | None
    """Aware UTC; None before the run starts."""
    ended_at: datetime | None
    """Aware UTC; None before the run ends."""


def prepare(home: Home) -> Path:
    """Write the shipped `dagster.yaml` if there is none; Dagster reads it from DAGSTER_HOME only.

    Dagster's storage is created at the same time. If two processes create it at once (`dagster dev` and a command of
    ours in a new home), Dagster 1.13 leaves a storage that cannot be opened.

    Returns:
        The folder, for DAGSTER_HOME.
    """
    if not (home.dagster / _NAME).exists():
        write_file(home.dagster / _NAME, SHIPPED.read_bytes())
        with DagsterInstance.from_config(str(home.dagster)):
            pass
    return home.dagster


def last_runs(home: Home, limit: int) -> tuple[RunLine, ...]:
    """Read the newest runs, newest first; empty if Dagster never ran in this home."""
    if not (home.dagster / _NAME).is_file():
        return ()
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        return tuple(_line(record) for record in instance.get_run_records(limit=limit))


def _line(record: RunRecord) -> RunLine:
    run = record.dagster_run
    day = run.tags.get(PARTITION_TAG)
    return RunLine(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status.value,
        lane=run.tags.get(LANE_TAG),
        first_day=run.tags.get(RANGE_START_TAG, day),
        last_day=run.tags.get(RANGE_END_TAG, day),
        started_at=_moment(record.start_time),
        ended_at=_moment(record.end_time),
    )


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
