"""The ledger sensor and its fallback schedule: read ledger and runs, plan, request. Never opens DuckDB."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from dagster import (
    AssetKey,
    DagsterInstance,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SkipReason,
    schedule,
    sensor,
)

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.ledger import read_ledger, touched_extent
from sensor_platform.orchestration.assets.forecast import SCORE_FIRST, SCORE_LAST
from sensor_platform.orchestration.jobs import DAYS_JOB, SCORING_JOB, TRAINING_JOB, days_job, scoring_job, training_job
from sensor_platform.orchestration.partitions import (
    AFTER_TAG,
    DAYS,
    GENERATION_TAG,
    LANE_TAG,
    POSITION_TAG,
    PRIORITY_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
)
from sensor_platform.orchestration.planning.older_days import OlderDays, with_partition
from sensor_platform.orchestration.planning.run_planner import (
    Lane,
    Outcome,
    PastRun,
    PlannedRun,
    Rules,
    decide,
    lane_of,
)
from sensor_platform.orchestration.planning.training_planner import Trained, wants_scoring, wants_training
from sensor_platform.orchestration.sensors.change_poller import ChangePoller
from sensor_platform.orchestration.sensors.dead_runs import report_dead_runs
from sensor_platform.orchestration.site_in_force import LOADED, has_changed, note_first_day, waits
from sensor_platform.orchestration.storage.run_history import read_past_runs, scorings_after
from sensor_platform.settings import Settings
from sensor_platform.warehouse.dirty import DirtyDay, dirty_days

_PATIENCE_SECONDS = 4.4
"""Dagster evaluates sensors every 5 seconds. This one waits for changes inside its tick, to react at once."""
_CHUNKS_OF_A_RUN = 4
"""Number of chunks of one history run. Between chunks the writer lock is free for others."""
_PRIORITY = {Lane.TODAY: "10", Lane.HISTORY: "0"}
_MODELS = ("forecast_model", "supervised_model")


@dataclass(frozen=True, slots=True)
class SensorView:
    """Everything that planning needs, read at one moment."""

    now: datetime
    landed_hours: float
    """From the oldest landed slot to the newest."""
    dirty: tuple[DirtyDay, ...]
    """Only days that have a partition."""
    runs: tuple[PastRun, ...]
    older: OlderDays = field(default_factory=OlderDays)


def rules_of(settings: Settings) -> Rules:
    """Pauses and sizes from the site's settings."""
    runs = settings.site.runs
    return Rules(
        retry_after=timedelta(seconds=runs.retry_after_seconds),
        breath=timedelta(seconds=runs.breath_seconds),
        most_readings=_CHUNKS_OF_A_RUN * settings.site.warehouse.chunk_readings,
    )


def look(instance: DagsterInstance, settings: Settings, now: datetime) -> SensorView:
    """Read the ledger and Dagster's run storage.

    The landed extent is read before the dirty days: history that lands in between is seen as dirty, never as built.
    """
    landed_hours = _landed_hours(settings)
    dirty, older = with_partition(dirty_days(settings.home, settings.site), DAYS.start.date(), settings.site.start)
    return SensorView(now, landed_hours, dirty, read_past_runs(instance, now), older)


def _landed_hours(settings: Settings) -> float:
    with read_ledger(settings.home) as ledger:
        found = touched_extent(ledger) if ledger else None
    return (found[1] - found[0]) / HOUR if found else 0.0


def requests(instance: DagsterInstance, settings: Settings, seen: SensorView) -> Iterator[RunRequest]:
    """Runs to request now: days first, then training or the scoring after it."""
    rules = rules_of(settings)
    asks = decide(seen.dirty, seen.runs, seen.now, rules)
    yield from (_days_request(ask) for ask in asks)
    trained = _with_partitions(newest_training(instance), settings)
    if trained and wants_scoring(scorings := scorings_after(instance, trained.run_id), seen.now, rules):
        yield _scoring_request(trained, len(scorings) + 1, max((one.position for one in seen.dirty), default=0))
    elif _training_is_due(settings, seen, rules):
        yield RunRequest(run_key=f"{Lane.TRAINING}:{seen.now:%Y-%m-%dT%H:%M:%S}", job_name=TRAINING_JOB)


def newest_training(instance: DagsterInstance) -> Trained | None:
    """The newest training (forecasts or tasks) whose models can score past days, with those days."""
    found = [(at, made) for key in _MODELS for at, made in _trained(instance, AssetKey(key))]
    if not found:
        return None
    _, newest = max(found, key=lambda pair: pair[0])
    same = [made for _, made in found if made.run_id == newest.run_id]
    return Trained(newest.run_id, min(made.first for made in same), max(made.last for made in same))


def _with_partitions(trained: Trained | None, settings: Settings) -> Trained | None:
    """A training with those of its days that have a partition; None without any."""
    if trained is None:
        return None
    first = max(trained.first, DAYS.start.date(), settings.site.start)
    return None if first > trained.last else Trained(trained.run_id, first, trained.last)


def _trained(instance: DagsterInstance, key: AssetKey) -> Iterator[tuple[float, Trained]]:
    event = instance.get_latest_materialization_event(key)
    facts = event.asset_materialization.metadata if event and event.asset_materialization else {}
    if event is not None and SCORE_FIRST in facts:
        first, last = (date.fromisoformat(str(facts[name].value)) for name in (SCORE_FIRST, SCORE_LAST))
        yield event.timestamp, Trained(event.run_id, first, last)


def _training_is_due(settings: Settings, seen: SensorView, rules: Rules) -> bool:
    from sensor_platform.predict.forecast.train import needs_training
    from sensor_platform.predict.supervised.training_needs import needs_task_training

    needs = (*needs_training(settings.home, settings.site), *needs_task_training(settings.home, settings.site))
    if not needs:
        return False
    is_behind = any(lane_of(one.day, seen.now.date()) is Lane.HISTORY for one in seen.dirty)
    is_enough = seen.landed_hours >= settings.site.forecast.min_history_hours
    return is_enough and not is_behind and wants_training(needs, seen.runs, seen.now, rules)


def _days_request(ask: PlannedRun) -> RunRequest:
    return RunRequest(
        run_key=ask.run_key,
        job_name=DAYS_JOB,
        tags={
            RANGE_START_TAG: ask.first.isoformat(),
            RANGE_END_TAG: ask.last.isoformat(),
            POSITION_TAG: str(ask.position),
            **({GENERATION_TAG: ask.generation} if ask.generation else {}),
            LANE_TAG: ask.lane.value,
            PRIORITY_TAG: _PRIORITY[ask.lane],
        },
    )


def _scoring_request(trained: Trained, attempt: int, position: int) -> RunRequest:
    return RunRequest(
        run_key=f"scoring:{trained.run_id}#{attempt}",
        job_name=SCORING_JOB,
        tags={
            RANGE_START_TAG: trained.first.isoformat(),
            RANGE_END_TAG: trained.last.isoformat(),
            POSITION_TAG: str(position),
            AFTER_TAG: trained.run_id,
        },
    )


@sensor(
    jobs=[days_job, training_job, scoring_job],
    minimum_interval_seconds=LOADED.site.runs.sensor_seconds,
    default_status=DefaultSensorStatus.RUNNING,
    description="Requests runs for days with new data, and training where a model is missing.",
)
def ledger_sensor(
    context: SensorEvaluationContext, settings: ResourceParam[Settings]
) -> Sequence[RunRequest] | SkipReason:
    """Request runs as soon as one is needed; otherwise skip when the tick's patience ends."""
    end = time.monotonic() + _PATIENCE_SECONDS
    stop = has_changed(settings)  # the next tick has the new ones
    report_dead_runs(context.instance, settings.home, datetime.now(UTC))
    with ChangePoller(settings.home, context.instance) as news:
        while True:
            seen = look(context.instance, settings, datetime.now(UTC))
            _report(settings, seen)
            asked = list(requests(context.instance, settings, seen))
            if asked:
                return asked
            waiting = [run.run_id for run in seen.runs if run.outcome is Outcome.WAITING]
            if not news.wait(waiting, end - time.monotonic(), stop):
                return SkipReason(_summary(seen, len(waiting)))


@schedule(
    cron_schedule=f"*/{LOADED.site.runs.fallback_minutes} * * * *",
    job=days_job,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Plans the same runs as the ledger sensor, in case the sensor is off.",
)
def ledger_fallback(
    context: ScheduleEvaluationContext, settings: ResourceParam[Settings]
) -> Sequence[RunRequest] | SkipReason:
    """Request runs for dirty days that no waiting run covers."""
    seen = look(context.instance, settings, datetime.now(UTC))
    asks = decide(seen.dirty, seen.runs, seen.now, rules_of(settings))
    return [_days_request(ask) for ask in asks] or SkipReason(_summary(seen, 0))


def _summary(seen: SensorView, waiting: int) -> str:
    return "; ".join([f"{len(seen.dirty)} dirty days, {waiting} runs queued or in flight", *seen.older.sentences])


def _report(settings: Settings, seen: SensorView) -> None:
    """Tell `status` which days wait for a reload. Settings of another process than this one are not reported."""
    if settings.home != LOADED.home:
        return
    days = seen.older.waiting
    waiting = waits("first partition", DAYS.start.date(), days[0]) if days else None
    note_first_day(DAYS.start.date().isoformat(), waiting)
