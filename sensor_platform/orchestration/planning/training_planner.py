"""When to train at once, and what to score afterwards. Pure, as `asks`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, Rules, SeenRun, is_due
from sensor_platform.predict.reports import TrainingNeed

_QUIET = timedelta(seconds=10)
"""History that is still arriving comes at least this often; training in its midst would learn from a part of it."""
_ASK_AGAIN = timedelta(hours=1)
"""After a training that found too little history."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The newest training, and the days that its first models can be scored on."""

    run_id: str
    first: date
    last: date


def wants_training(needs: Sequence[TrainingNeed], runs: Sequence[SeenRun], now: datetime, rules: Rules) -> bool:
    """Whether to train now instead of at the daily hour, where the history is long enough and built.

    Args:
        needs: configured metrics without a usable champion.
        runs: earlier runs, newest first.
        now: aware UTC.
        rules: pauses after failures.
    """
    is_new = any(need.last_asked_at is None or now - need.last_asked_at >= _ASK_AGAIN for need in needs)
    history = [run for run in runs if run.lane is Lane.HISTORY]
    is_quiet = all(run.ended_at is not None and now - run.ended_at >= _QUIET for run in history)
    trainings = [run for run in runs if run.lane is Lane.TRAINING]
    failed = _failures([run for run in trainings if run.after is None])
    return is_new and is_quiet and not _is_busy(trainings) and is_due(failed, now, rules)


def wants_scoring(scorings: Sequence[SeenRun], now: datetime, rules: Rules) -> bool:
    """Whether the newest training's days are still to be scored, given the runs that were to do so, newest first."""
    is_done = any(run.outcome is Outcome.DONE for run in scorings)
    return not is_done and not _is_busy(scorings) and is_due(scorings, now, rules)


def _failures(runs: Sequence[SeenRun]) -> list[SeenRun]:
    """Those that failed since the last success."""
    failed = []
    for run in runs:
        if run.outcome is Outcome.DONE:
            break
        failed.append(run)
    return failed


def _is_busy(runs: Sequence[SeenRun]) -> bool:
    return any(run.outcome is Outcome.WAITING for run in runs)
