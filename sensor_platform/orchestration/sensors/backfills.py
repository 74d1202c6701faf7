"""Backfills that a person requested: stored as files, run by a sensor, one run at a time.

`dagster/backfills/<id>.json` has the ranges of days, their order and the tables. The progress is read from Dagster's
runs, so that a killed process loses nothing.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec
from dagster import (
    AssetKey,
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.orchestration.jobs import DAYS_JOB, days_job
from sensor_platform.orchestration.partitions import DAYS, LANE_TAG, PRIORITY_TAG, RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome
from sensor_platform.orchestration.storage.run_history import outcome_of
from sensor_platform.settings import Settings

BACKFILL_TAG = "sensor_platform/backfill"


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """One requested backfill, as stored."""

    id: str
    asked_at: datetime
    """Aware UTC."""
    ranges: tuple[tuple[date, date], ...]
    """Ranges of days, both ends inclusive, in the order in which they run."""
    tables: tuple[str, ...] = ()
    """Tables to rebuild; empty for all."""
    seconds: float = 0.0
    """Estimated duration."""
    is_cancelled: bool = False
    tries: int = 0
    """Number of failed runs before the last `resume`; they count no more."""


@dataclass(frozen=True, slots=True)
class BackfillRun:
    """One run of a backfill."""

    run_id: str
    days: tuple[date, date]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """Progress of a backfill."""

    backfill: Backfill
    done: int
    """Number of ranges that are done."""
    waiting: BackfillRun | None
    """The run that is queued or running."""
    failed: int
    """Number of failed runs since the last `resume`."""
    following: tuple[date, date] | None
    """The next range; None if nothing is left, or the backfill was cancelled or has failed too often."""

    @property
    def state(self) -> str:
        """One of done, cancelled, running, failed, waiting."""
        if self.done == len(self.backfill.ranges):
            return "done"
        if self.backfill.is_cancelled:
            return "cancelled"
        if self.waiting is not None:
            return "running"
        return "failed" if self.following is None else "waiting"


def progress_of(backfill: Backfill, tries: Sequence[BackfillRun], retries: int) -> BackfillProgress:
    """Compute the progress from the backfill's runs. Pure."""
    done = {one.days for one in tries if one.outcome is Outcome.DONE}
    waiting = next((one for one in tries if one.outcome is Outcome.WAITING), None)
    failures = [one.days for one in tries if one.outcome is Outcome.FAILED]
    failed = max(0, len(failures) - backfill.tries)
    left = [days for days in backfill.ranges if days not in done]
    may_go_on = not backfill.is_cancelled and waiting is None and failed <= retries
    following = left[0] if left and may_go_on else None
    return BackfillProgress(backfill, len(backfill.ranges) - len(left), waiting, failed, following)


def ask(home: Home, ranges: Sequence[tuple[date, date]], tables: Sequence[str], seconds: float) -> Backfill:
    """Store a backfill; the sensor requests its runs.

    Raises:
        WrongUse: there is nothing to do.
    """
    if not ranges:
        raise WrongUse("no reading lies in these days", "`sensor-platform backfill plan` shows what there is")
    now = datetime.now(UTC)
    name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    backfill = Backfill(id=name, asked_at=now, ranges=tuple(ranges), tables=tuple(tables), seconds=seconds)
    _write(home, backfill)
    return backfill


def backfills(home: Home) -> list[Backfill]:
    """Read all stored backfills, newest first."""
    paths = sorted((home.dagster / "backfills").glob("*.json"), reverse=True)
    return [msgspec.json.decode(path.read_bytes(), type=Backfill) for path in paths]


def find(home: Home, name: str | None) -> Backfill:
    """Return the backfill with this id, or the newest one.

    Raises:
        WrongUse: there is none.
    """
    known = backfills(home)
    for backfill in known:
        if name is None or backfill.id == name:
            return backfill
    if not known:
        raise WrongUse("there is no backfill", "`sensor-platform backfill run --from DAY --to DAY` begins one")
    raise WrongUse(f"there is no backfill {name}", f"the newest are {', '.join(each.id for each in known[:5])}")


def runs_of(instance: DagsterInstance, backfill: Backfill) -> list[BackfillRun]:
    """Read the backfill's runs, newest first."""
    return [
        BackfillRun(
            run.run_id,
            (date.fromisoformat(run.tags[RANGE_START_TAG]), date.fromisoformat(run.tags[RANGE_END_TAG])),
            outcome_of(run.status),
        )
        for run in instance.get_runs(RunsFilter(tags={BACKFILL_TAG: backfill.id}))
    ]


def look(home: Home, backfill: Backfill, retries: int) -> BackfillProgress:
    """Read the progress from Dagster's storage."""
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        return progress_of(backfill, runs_of(instance, backfill), retries)


def cancel(home: Home, backfill: Backfill) -> list[str]:
    """Cancel the backfill and its queued or running run; returns the ids of the cancelled runs."""
    _write(home, msgspec.structs.replace(backfill, is_cancelled=True))
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        waiting = [one.run_id for one in runs_of(instance, backfill) if one.outcome is Outcome.WAITING]
        for run_id in waiting:
            instance.run_coordinator.cancel_run(run_id)
    return waiting


def resume(home: Home, backfill: Backfill) -> Backfill:
    """Continue with the ranges that are not done; earlier failures count no more."""
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        failed = sum(one.outcome is Outcome.FAILED for one in runs_of(instance, backfill))
    again = msgspec.structs.replace(backfill, is_cancelled=False, tries=failed)
    _write(home, again)
    return again


def _write(home: Home, backfill: Backfill) -> None:
    write_file(home.dagster / "backfills" / f"{backfill.id}.json", msgspec.json.encode(backfill))


def requests(instance: DagsterInstance, settings: Settings) -> Iterator[RunRequest]:
    """The next run of the oldest unfinished backfill. One at a time: late history shares the lane."""
    for backfill in reversed(backfills(settings.home)):
        if backfill.is_cancelled:
            continue
        tries = runs_of(instance, backfill)
        found = progress_of(backfill, tries, settings.site.runs.retries)
        if found.waiting is not None:
            return
        if found.following is not None:
            yield _request(backfill, found.following, len(tries))
            return


def _request(backfill: Backfill, days: tuple[date, date], attempt: int) -> RunRequest:
    first, last = (day.isoformat() for day in days)
    return RunRequest(
        run_key=f"backfill:{backfill.id}:{first}..{last}#{attempt}",
        job_name=DAYS_JOB,
        tags={
            RANGE_START_TAG: first,
            RANGE_END_TAG: last,
            LANE_TAG: Lane.HISTORY.value,
            PRIORITY_TAG: "-1",
            BACKFILL_TAG: backfill.id,
        },
        asset_selection=[AssetKey(name) for name in backfill.tables] or None,
    )


@sensor(
    jobs=[days_job],
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.RUNNING,
    description="Requests the runs of backfills that `sensor-platform backfill run` stored, one at a time.",
)
def backfill_sensor(
    context: SensorEvaluationContext, settings: ResourceParam[Settings]
) -> Sequence[RunRequest] | SkipReason:
    """Request the next run, if no run of a backfill waits."""
    asked = list(requests(context.instance, settings))
    if asked and (older := _older(asked[0], settings)):
        return SkipReason(older)
    return asked or SkipReason("no backfill waits")


def _older(request: RunRequest, settings: Settings) -> str:
    """Why a run cannot be requested yet: it begins on a day without a partition."""
    first, known = date.fromisoformat(request.tags[RANGE_START_TAG]), max(DAYS.start.date(), settings.site.start)
    if first >= known:
        return ""
    return (
        f"backfill {request.tags[BACKFILL_TAG]} waits: its first day {first} has no partition (the first is {known});"
        " reload the code location, after setting an earlier `start` where the site's is later"
    )
