"""What the ledger sensor decides, without Dagster: dirty days and earlier runs in, the fewest runs to ask for out.

Pure: no clock, no database. A decision that is lost or taken twice does no harm, because what is dirty is derived anew
from the ledger each time and an unneeded run finds nothing to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sensor_platform.kernel.backoff import Backoff
from sensor_platform.warehouse.dirty import DirtyDay

_DAY = timedelta(days=1)


class Lane(StrEnum):
    """Queues of one run each, so that a long history or a training never starves the present."""

    TODAY = "today"
    """Today and yesterday: where live and late readings land."""
    HISTORY = "history"
    TRAINING = "training"
    """Training, and the scoring that follows a first model."""


class Outcome(StrEnum):
    """How far a run has come."""

    WAITING = "waiting"
    """Queued, starting or in flight."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SeenRun:
    """One earlier run, as evidence."""

    run_id: str
    lane: Lane | None
    """None for a run that a person, a backfill or a schedule of its own started."""
    first: date | None
    last: date | None
    """Both included; None for a training, which is not about days."""
    position: int | None
    """The ledger position that it was asked to reach; None for a run that rebuilds whole days."""
    outcome: Outcome
    ended_at: datetime | None
    """Aware UTC; None while waiting."""
    after: str | None = None
    """The training that it scores for."""

    def covers(self, day: date) -> bool:
        """Whether `day` lies in its range."""
        return self.first is not None and self.last is not None and self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Rules:
    """How eagerly to ask."""

    retry_after: timedelta
    """Pause after a first failure; it doubles with each further one,"""
    longest_pause: timedelta = timedelta(hours=1)
    """up to this: a day is never given up, because its cause (a full disk) may go away by itself."""
    breath: timedelta = timedelta(0)
    """Pause after each run of today: a run costs seconds of a core, however little it finds to do."""
    alarm_after: int = 3
    """Failures in a row from which on the day's check is red."""
    most_days: int = 184
    """Longest range of one run. Every asset writes one event for each day, about 15 ms on SQLite."""
    most_readings: int = 20_000_000
    """Readings of one run, unless a single day has more: bounds how long the writer lock is held."""
    bridge: int = 31
    """Clean days between two dirty ones that are cheaper to ask along than a run of their own: a run costs about 5 s,
    a clean day about 0.15 s of bookkeeping and no rebuilding."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One run to request."""

    lane: Lane
    first: date
    last: date
    position: int
    attempt: int
    """1 for the first time."""
    after: str
    """The newest run that covers the range, or "": makes the key of each attempt its own."""

    @property
    def run_key(self) -> str:
        """What is asked, the evidence and the attempt: with less, Dagster drops a later request without a word."""
        return f"{self.lane}:{self.first}..{self.last}@{self.position}#{self.attempt}-{self.after[:8]}"


def decide(dirty: Sequence[DirtyDay], runs: Sequence[SeenRun], now: datetime, rules: Rules) -> tuple[Ask, ...]:
    """Runs to request now; today's first.

    Args:
        dirty: days with windows that are behind the ledger.
        runs: earlier runs, newest first.
        now: aware UTC; decides what is today and when a pause ends. Later days have no partition yet and wait.
        rules: pauses and sizes.
    """
    today = now.date()
    busy = {run.lane for run in runs if run.outcome is Outcome.WAITING}
    if any(run.lane is Lane.TODAY and run.ended_at and now < run.ended_at + rules.breath for run in runs):
        busy.add(Lane.TODAY)
    asks = []
    for lane in (Lane.TODAY, Lane.HISTORY):
        days = sorted((one for one in dirty if one.day <= today and lane_of(one.day, today) is lane), key=_by_day)
        tried = {one.day: fruitless(one, runs) for one in days}
        if lane not in busy and (some := _first_range(days, tried, now, rules)):
            asks.append(_ask(lane, some, len(tried[some[0].day]), runs))
    return tuple(asks)


def lane_of(day: date, today: date) -> Lane:
    """Yesterday is still live: the hours around midnight touch both days."""
    return Lane.TODAY if day >= today - _DAY else Lane.HISTORY


def fruitless(dirty: DirtyDay, runs: Sequence[SeenRun]) -> tuple[SeenRun, ...]:
    """Runs over a dirty day since the last one that helped, newest first.

    A run that failed did not help, nor did one that succeeded with the same evidence and left the day dirty all the
    same; asking for that one again at once would go on for ever.
    """
    found = []
    for run in runs:
        if run.outcome is Outcome.WAITING or not run.covers(dirty.day):
            continue
        if run.outcome is Outcome.DONE and (run.position is None or run.position < dirty.position):
            break
        found.append(run)
    return tuple(found)


def failing(dirty: Sequence[DirtyDay], runs: Sequence[SeenRun], rules: Rules) -> dict[date, int]:
    """Days that stay dirty in spite of `alarm_after` or more runs, with how many."""
    tries = {one.day: len(fruitless(one, runs)) for one in dirty}
    return {day: count for day, count in tries.items() if count >= rules.alarm_after}


def _by_day(one: DirtyDay) -> date:
    return one.day


def is_due(tried: Sequence[SeenRun], now: datetime, rules: Rules) -> bool:
    """Whether the pause after runs that did not help, newest first, is over."""
    if not tried or tried[0].ended_at is None:
        return True
    backoff = Backoff(rules.retry_after.total_seconds(), rules.longest_pause.total_seconds())
    return now >= tried[0].ended_at + timedelta(seconds=backoff.after(len(tried)))


def _first_range(
    days: Sequence[DirtyDay], tried: Mapping[date, Sequence[SeenRun]], now: datetime, rules: Rules
) -> Sequence[DirtyDay]:
    """The dirty days that are due, tried least and oldest, as far as they make one range; none if none is due.

    Bridged days are clean, and rebuilding a clean day does nothing. A range that failed comes back in quarters, so that
    one bad day does not hold up its neighbours for ever.
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


def _ask(lane: Lane, some: Sequence[DirtyDay], tries: int, runs: Sequence[SeenRun]) -> Ask:
    first, last = some[0].day, some[-1].day
    newest = next((run.run_id for run in runs if any(run.covers(one.day) for one in some)), "")
    position = max(one.position for one in some)
    return Ask(lane=lane, first=first, last=last, position=position, attempt=tries + 1, after=newest)
