"""Plans runs from dirty days and earlier runs: the fewest runs that bring the days up to date.

Pure: no Dagster, no clock, no database. A plan that is lost or made twice does no harm: the dirty days are derived from
the ledger at each look, and a run that is not needed finds nothing to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sensor_platform.kernel.backoff import Backoff
from sensor_platform.warehouse.dirty import DirtyDay

_DAY = timedelta(days=1)
_TOLERANCE = timedelta(minutes=1)
"""Clocks may differ so much without being wrong."""


class Lane(StrEnum):
    """Queues of one run each, so that a long history or a training never starves the present."""

    TODAY = "today"
    """Today and yesterday: where live and late readings land."""
    HISTORY = "history"
    TRAINING = "training"
    """Training, and the scoring that follows a first model."""


class Outcome(StrEnum):
    """State of a run."""

    WAITING = "waiting"
    """Queued, starting or in flight."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier run."""

    run_id: str
    lane: Lane | None
    """None for a run that was started by a person, a backfill or another schedule."""
    first: date | None
    last: date | None
    """Inclusive. Both are None for a training, which has no days."""
    position: int | None
    """Ledger position that the run was requested for; None for a run that rebuilds whole days."""
    outcome: Outcome
    ended_at: datetime | None
    """Aware UTC; None while waiting."""
    after: str | None = None
    """Run id of the training whose models the run scores."""
    generation: str | None = None
    """Generation of the ledger that `position` is of; None for runs of versions that did not note it."""

    def covers(self, day: date) -> bool:
        """Whether `day` lies in its range."""
        return self.first is not None and self.last is not None and self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Rules:
    """Pauses and sizes of planned runs."""

    retry_after: timedelta
    """Pause after a first failure. It doubles with each further failure."""
    longest_pause: timedelta = timedelta(hours=1)
    """Longest pause after failures. A day is never given up, because the cause (a full disk) may go away by itself."""
    breath: timedelta = timedelta(0)
    """Pause after each run of today. Every run costs seconds of a core, however little it finds to do."""
    alarm_after: int = 3
    """Number of failures in a row that turns the day's check red."""
    most_days: int = 184
    """Most days of one run. Every asset writes one event for each day, about 15 ms on SQLite."""
    most_readings: int = 20_000_000
    """Most readings of one run, unless a single day has more. Bounds how long the writer lock is held."""
    bridge: int = 31
    """Most clean days between two dirty days that one run covers. A second run would cost about 5 s, a clean day costs
    about 0.15 s of bookkeeping and no rebuilding."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to request."""

    lane: Lane
    first: date
    last: date
    position: int
    attempt: int
    """1 for the first attempt."""
    after: str
    """Id of the newest run that covers the range, or ""."""
    generation: str | None = None
    """Generation of the ledger that `position` is of."""

    @property
    def run_key(self) -> str:
        """Unique for each attempt: Dagster silently drops a request whose key it has seen."""
        return f"{self.lane}:{self.first}..{self.last}@{self.position}#{self.attempt}-{self.after[:8]}"


def time_since(at: datetime, now: datetime) -> timedelta:
    """Time since a moment. One in the future is of a clock that was ahead: nothing waits for it."""
    return now - at if at <= now + _TOLERANCE else timedelta.max


def decide(dirty: Sequence[DirtyDay], runs: Sequence[PastRun], now: datetime, rules: Rules) -> tuple[PlannedRun, ...]:
    """Plan the runs to request now, today's run first.

    Args:
        dirty: days with windows that are older than the ledger.
        runs: earlier runs, newest first.
        now: aware UTC; decides what is today and when a pause ends. Later days have no partition yet and wait.
        rules: pauses and sizes.
    """
    today = now.date()
    busy = {run.lane for run in runs if run.outcome is Outcome.WAITING}
    if any(run.lane is Lane.TODAY and run.ended_at and time_since(run.ended_at, now) < rules.breath for run in runs):
        busy.add(Lane.TODAY)
    asks = []
    for lane in (Lane.TODAY, Lane.HISTORY):
        days = sorted((one for one in dirty if one.day <= today and lane_of(one.day, today) is lane), key=_by_day)
        tried = {one.day: failed_attempts(one, runs) for one in days}
        if lane not in busy and (some := _first_range(days, tried, now, rules)):
            asks.append(_ask(lane, some, len(tried[some[0].day]), runs))
    return tuple(asks)


def lane_of(day: date, today: date) -> Lane:
    """Lane of a day. Yesterday belongs to today's lane: the hours around midnight touch both days."""
    return Lane.TODAY if day >= today - _DAY else Lane.HISTORY


def failed_attempts(dirty: DirtyDay, runs: Sequence[PastRun]) -> tuple[PastRun, ...]:
    """Runs over a dirty day since the last run that made it clean, newest first.

    A run counts as failed, too, if it succeeded for the same position and left the day dirty: requesting it again at
    once would never end. A ledger that was rebuilt counts its positions from the start
    again: runs of before are not comparable.
    """
    found = []
    for run in runs:
        if run.outcome is Outcome.WAITING or not run.covers(dirty.day):
            continue
        if run.outcome is Outcome.DONE and not _is_vain(run, dirty):
            break
        found.append(run)
    return tuple(found)


def _is_vain(run: PastRun, dirty: DirtyDay) -> bool:
    """Whether a successful run was for what is dirty now."""
    return run.generation == dirty.generation and run.position is not None and run.position >= dirty.position


def failing(dirty: Sequence[DirtyDay], runs: Sequence[PastRun], rules: Rules) -> dict[date, int]:
    """Days that are still dirty after `alarm_after` or more runs, with the number of runs."""
    tries = {one.day: len(failed_attempts(one, runs)) for one in dirty}
    return {day: count for day, count in tries.items() if count >= rules.alarm_after}


def _by_day(one: DirtyDay) -> date:
    return one.day


def is_due(tried: Sequence[PastRun], now: datetime, rules: Rules) -> bool:
    """Whether the pause after failed attempts (newest first) is over."""
    if not tried or tried[0].ended_at is None:
        return True
    backoff = Backoff(rules.retry_after.total_seconds(), rules.longest_pause.total_seconds())
    return time_since(tried[0].ended_at, now) >= timedelta(seconds=backoff.after(len(tried)))


def _first_range(
    days: Sequence[DirtyDay], tried: Mapping[date, Sequence[PastRun]], now: datetime, rules: Rules
) -> Sequence[DirtyDay]:
    """One range of dirty days that are due: those with the fewest attempts, oldest first; empty if no day is due.

    Clean days inside the range cost no rebuilding. A range that failed is split into quarters, so that one bad day does
    not block its neighbours.
    """
    due = {day: len(runs) for day, runs in tried.items() if is_due(runs, now, rules)}
    if not due:
        return ()
    tries = min(due.values())
    start = next(number for number, one in enumerate(days) if due.get(one.day) == tries)
    some = [days[start]]
    for one in days[start + 1 :]:
        if due.get(one.day) != tries or not _fits(some, one, tries, rules):
            break
        some.append(one)
    return some


def _fits(some: Sequence[DirtyDay], one: DirtyDay, tries: int, rules: Rules) -> bool:
    share = 0.25**tries
    return (
        one.day - some[-1].day <= _DAY * (rules.bridge + 1)
        and one.day - some[0].day < _DAY * max(1, int(rules.most_days * share))
        and sum(each.readings for each in some) + one.readings <= rules.most_readings * share
    )


def _ask(lane: Lane, some: Sequence[DirtyDay], tries: int, runs: Sequence[PastRun]) -> PlannedRun:
    first, last = some[0].day, some[-1].day
    newest = next((run.run_id for run in runs if any(run.covers(one.day) for one in some)), "")
    position = max(one.position for one in some)
    return PlannedRun(
        lane=lane,
        first=first,
        last=last,
        position=position,
        attempt=tries + 1,
        after=newest,
        generation=some[0].generation,
    )
