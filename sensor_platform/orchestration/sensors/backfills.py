"""Backfills that a person asked for: written down as files, asked for by a sensor, one run at a time.

`dagster/backfills/<id>.json` says which ranges, of which tables, in which order. What came of them is read back from
Dagster's runs, so a lost process loses nothing: whoever looks next goes on.
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
from sensor_platform.orchestration.partitions import LANE_TAG, PRIORITY_TAG, RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.orchestration.planning.run_history import outcome_of
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome
from sensor_platform.settings import Settings

BACKFILL_TAG = "sensor_platform/backfill"


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """One backfill."""

    id: str
    asked_at: datetime
    """Aware UTC."""
    ranges: tuple[tuple[date, date], ...]
    """In the order in which they are asked for."""
    tables: tuple[str, ...] = ()
    """None for all."""
    seconds: float = 0.0
    """Estimated."""
    is_cancelled: bool = False
    tries: int = 0
    """Failed runs that do not count any more: set when it is resumed."""


@dataclass(frozen=True, slots=True)
class Try:
    """One run of a backfill."""

    run_id: str
    days: tuple[date, date]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is."""

    backfill: Backfill
    done: int
    """Ranges."""
    waiting: Try | None
    """Queued or running."""
    failed: int
    """Failed runs that count."""
    following: tuple[date, date] | None
    """The range that comes next; None where nothing is left, or it is cancelled or given up."""

    @property
    def state(self) -> str:
        """In one word."""
        if self.done == len(self.backfill.ranges):
            return "done"
        if self.backfill.is_cancelled:
            return "cancelled"
        if self.waiting is not None:
            return "running"
        return "failed" if self.following is None else "waiting"


def progress_of(backfill: Backfill, tries: Sequence[Try], retries: int) -> Progress:
    """Where a backfill stands. Pure."""
    done = {one.days for one in tries if one.outcome is Outcome.DONE}
    waiting = next((one for one in tries if one.outcome is Outcome.WAITING), None)
    failures = [one.days for one in tries if one.outcome is Outcome.FAILED]
    failed = max(0, len(failures) - backfill.tries)
    left = [days for days in backfill.ranges if days not in done]
    may_go_on = not backfill.is_cancelled and waiting is None and failed <= retries
    following = left[0] if left and may_go_on else None
    return Progress(backfill, len(backfill.ranges) - len(left), waiting, failed, following)


def ask(home: Home, ranges: Sequence[tuple[date, date]], tables: Sequence[str], seconds: float) -> Backfill:
    """Write a backfill down; the sensor asks for it.

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
    """Every backfill on record, newest first."""
    paths = sorted((home.dagster / "backfills").glob("*.json"), reverse=True)
    return [msgspec.json.decode(path.read_bytes(), type=Backfill) for path in paths]


def find(home: Home, name: str | None) -> Backfill:
    """The backfill of this id, or the newest.

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


def tries_of(instance: DagsterInstance, backfill: Backfill) -> list[Try]:
    """Its runs, newest first."""
    return [
        Try(
            run.run_id,
            (date.fromisoformat(run.tags[RANGE_START_TAG]), date.fromisoformat(run.tags[RANGE_END_TAG])),
            outcome_of(run.status),
        )
        for run in instance.get_runs(RunsFilter(tags={BACKFILL_TAG: backfill.id}))
    ]


def look(home: Home, backfill: Backfill, retries: int) -> Progress:
    """How far it is, from Dagster's own storage."""
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        return progress_of(backfill, tries_of(instance, backfill), retries)


def cancel(home: Home, backfill: Backfill) -> list[str]:
    """Ask for no more of it, and end what is queued or running; returns the runs."""
    _write(home, msgspec.structs.replace(backfill, is_cancelled=True))
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        waiting = [one.run_id for one in tries_of(instance, backfill) if one.outcome is Outcome.WAITING]
        for run_id in waiting:
            instance.run_coordinator.cancel_run(run_id)
    return waiting


def resume(home: Home, backfill: Backfill) -> Backfill:
    """Go on with what is not done; failures so far do not count."""
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        failed = sum(one.outcome is Outcome.FAILED for one in tries_of(instance, backfill))
    again = msgspec.structs.replace(backfill, is_cancelled=False, tries=failed)
    _write(home, again)
    return again


def _write(home: Home, backfill: Backfill) -> None:
    write_file(home.dagster / "backfills" / f"{backfill.id}.json", msgspec.json.encode(backfill))


def requests(instance: DagsterInstance, settings: Settings) -> Iterator[RunRequest]:
    """The next run of the oldest backfill that has one: a lane of one run is shared with late history."""
    for backfill in reversed(backfills(settings.home)):
        if backfill.is_cancelled:
            continue
        tries = tries_of(instance, backfill)
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
    description="Asks for the runs of backfills that `sensor-platform backfill run` wrote down, one at a time.",
)
def backfill_sensor(
    context: SensorEvaluationContext, settings: ResourceParam[Settings]
) -> Sequence[RunRequest] | SkipReason:
    """One run at a time, newest days first unless it was asked otherwise."""
    return list(requests(context.instance, settings)) or SkipReason("no backfill waits")
