"""What the ledger sensor decides, without Dagster: dirty days and earlier runs in, the fewest runs to ask for out.

Pure: no clock, no database. A decision that is lost or taken twice does no harm, because what is dirty is derived anew
from the ledger each time and an unneeded run finds nothing to do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

_DAY = timedelta(days=1)


class Lane(StrEnum):
    """Two queues of one run each, so that a long history never starves the present."""

    TODAY = "today"
    """Today and yesterday: where live and late readings land."""
    HISTORY = "history"


class Outcome(StrEnum):
    """How far a run has come."""

    WAITING = "waiting"
    """Queued, starting or in flight."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SeenRun:
    """One earlier run over a range of days, as evidence."""

    run_id: str
    lane: Lane | None
    """None for a run that a person, a backfill or a schedule of its own started."""
    first: date
    last: date
    position: int | None
    """The ledger position that it was asked to reach; None for a run that rebuilds whole days."""
    outcome: Outcome
    ended_at: datetime | None
    """Aware UTC; None while waiting."""

    def covers(self, day: date) -> bool:
        """Whether `day` lies in its range."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Rules:
    """How eagerly to ask."""

    retry_after: timedelta
    """Pause after a first failure; it doubles with each further one,"""
    longest_pause: timedelta = timedelta(hours=1)
    """up to this: a day is never given up, because its cause (a full disk) may go away by itself."""
    alarm_after: int = 3
    """Failures in a row from which on the day's check is red."""
    most_days: int = 92
    """Longest range of one run of history. Every asset writes one event for each day, about 15 ms on SQLite."""
    bridge: int = 7
    """Clean days between two dirty ones that are cheaper to ask along than a run of their own."""


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


def decide(
    dirty: Collection[date], position: int, runs: Sequence[SeenRun], now: datetime, rules: Rules
) -> tuple[Ask, ...]:
    """Runs to request now; today's first.

    Args:
        dirty: days with windows that are behind the ledger.
        position: the ledger's newest position.
        runs: earlier runs, newest first.
        now: aware UTC; decides what is today and when a pause ends. Later days have no partition yet and wait.
        rules: pauses and sizes.
    """
    today = now.date()
    busy = {run.lane for run in runs if run.outcome is Outcome.WAITING}
    asks = []
    for lane in Lane:
        days = [day for day in sorted(dirty) if day <= today and lane_of(day, today) is lane]
        tried = {day: fruitless(day, position, runs) for day in days}
        if lane not in busy and (span := _first_range(tried, now, rules)):
            asks.append(_ask(lane, span, len(tried[span[0]]), position, runs))
    return tuple(asks)


def lane_of(day: date, today: date) -> Lane:
    """Yesterday is still live: the hours around midnight touch both days."""
    return Lane.TODAY if day >= today - _DAY else Lane.HISTORY


def fruitless(day: date, position: int, runs: Sequence[SeenRun]) -> tuple[SeenRun, ...]:
    """Runs over a dirty `day` since the last one that helped, newest first.

    A run that failed did not help, nor did one that succeeded at the present position and left the day dirty all the
    same; asking for that one again at once would go on for ever.
    """
    found = []
    for run in runs:
        if run.outcome is Outcome.WAITING or not run.covers(day):
            continue
        if run.outcome is Outcome.DONE and (run.position is None or run.position < position):
            break
        found.append(run)
    return tuple(found)


def failing(dirty: Collection[date], position: int, runs: Sequence[SeenRun], rules: Rules) -> dict[date, int]:
    """Days that stay dirty in spite of `alarm_after` or more runs, with how many."""
    tries = {day: len(fruitless(day, position, runs)) for day in sorted(dirty)}
    return {day: count for day, count in tries.items() if count >= rules.alarm_after}


def _is_due(tried: Sequence[SeenRun], now: datetime, rules: Rules) -> bool:
    if not tried or tried[0].ended_at is None:
        return True
    doublings = min(len(tried) - 1, 16)
    pause = min(rules.retry_after * float(2**doublings), rules.longest_pause)
    return now >= tried[0].ended_at + pause


def _first_range(tried: Mapping[date, Sequence[SeenRun]], now: datetime, rules: Rules) -> tuple[date, date] | None:
    """The dirty days that are due, tried least and oldest, as far as they make one range.

    Bridged days are clean, and rebuilding a clean day does nothing. A range that failed comes back in quarters, so that
    one bad day does not hold up its neighbours for ever.
    """
    due = {day: len(runs) for day, runs in tried.items() if _is_due(runs, now, rules)}
    if not due:
        return None
    tries = min(due.values())
    first = last = next(day for day in due if due[day] == tries)
    for day in tried:
        if day > first:
            if due.get(day) != tries or not _fits(first, last, day, tries, rules):
                break
            last = day
    return first, last


def _fits(first: date, last: date, day: date, tries: int, rules: Rules) -> bool:
    most = max(1, int(rules.most_days / 4.0**tries))
    return day - last <= _DAY * (rules.bridge + 1) and day - first < _DAY * most


def _ask(lane: Lane, span: tuple[date, date], tries: int, position: int, runs: Sequence[SeenRun]) -> Ask:
    first, last = span
    newest = next((run.run_id for run in runs if run.first <= last and first <= run.last), "")
    return Ask(lane=lane, first=first, last=last, position=position, attempt=tries + 1, after=newest)
