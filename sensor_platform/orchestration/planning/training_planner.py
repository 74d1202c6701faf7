"""Decides when to train at once, and which days to score afterwards. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun, Rules, is_due, time_since
from sensor_platform.predict.reports import TrainingNeed

_QUIET = timedelta(seconds=10)
"""While history arrives, runs end more often than this. Training in between would use a part of the history."""
_ASK_AGAIN = timedelta(hours=1)
"""Pause after a training that found too little history, unless a run of history has ended since."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The newest training, and the days that its models can score."""

    run_id: str
    first: date
    last: date


def wants_training(needs: Sequence[TrainingNeed], runs: Sequence[PastRun], now: datetime, rules: Rules) -> bool:
    """Whether to train now instead of at the daily hour. The caller has checked that history is long enough and built.

    Args:
        needs: configured metrics without a usable champion.
        runs: earlier runs, newest first.
        now: aware UTC.
        rules: pauses after failures.
    """
    history = [run for run in runs if run.lane is Lane.HISTORY]
    is_new = any(_may_succeed(need, history, now) for need in needs)
    is_quiet = all(run.ended_at is not None and time_since(run.ended_at, now) >= _QUIET for run in history)
    trainings = [run for run in runs if run.lane is Lane.TRAINING]
    failed = _failures([run for run in trainings if run.after is None])
    return is_new and is_quiet and not _is_busy(trainings) and is_due(failed, now, rules)


def wants_scoring(scorings: Sequence[PastRun], now: datetime, rules: Rules) -> bool:
    """Whether the days of the newest training must still be scored, given its scoring runs so far, newest first."""
    is_done = any(run.outcome is Outcome.DONE for run in scorings)
    return not is_done and not _is_busy(scorings) and is_due(scorings, now, rules)


def _may_succeed(need: TrainingNeed, history: Sequence[PastRun], now: datetime) -> bool:
    """Whether a training was never tried for it, or may find more than the last one: history came since, or an hour."""
    asked = need.last_asked_at
    if asked is None or time_since(asked, now) >= _ASK_AGAIN:
        return True
    return any(run.outcome is Outcome.DONE and run.ended_at is not None and run.ended_at > asked for run in history)


def _failures(runs: Sequence[PastRun]) -> list[PastRun]:
    """Runs that failed since the last success."""
    failed = []
    for run in runs:
        if run.outcome is Outcome.DONE:
            break
        failed.append(run)
    return failed


def _is_busy(runs: Sequence[PastRun]) -> bool:
    return any(run.outcome is Outcome.WAITING for run in runs)
