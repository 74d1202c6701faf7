"""Truth table of training at once, and of the scoring after it."""

from datetime import UTC, datetime, timedelta

import pytest

from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun, Rules
from sensor_platform.orchestration.planning.training_planner import wants_scoring, wants_training
from sensor_platform.predict.reports import TrainingNeed

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
RULES = Rules(retry_after=timedelta(minutes=5))
NEW = TrainingNeed("TEMP", "no model yet", None)


def asked(minutes_ago: float) -> TrainingNeed:
    return TrainingNeed("TEMP", "too little history", NOW - timedelta(minutes=minutes_ago))


def run(lane: Lane, outcome: Outcome = Outcome.DONE, *, minutes_ago: float = 1, after: str | None = None) -> PastRun:
    ended = None if outcome is Outcome.WAITING else NOW - timedelta(minutes=minutes_ago)
    return PastRun("id", lane, NOW.date(), NOW.date(), 1, outcome, ended, after)


@pytest.mark.parametrize(
    ("needs", "runs", "wanted"),
    [
        pytest.param([], [], False, id="every metric has its model"),
        pytest.param([NEW], [], True, id="a metric without a model: at once"),
        pytest.param([asked(59)], [], False, id="too little history a while ago"),
        pytest.param([asked(9)], [run(Lane.HISTORY, minutes_ago=5)], True, id="history has arrived since"),
        pytest.param([asked(9)], [run(Lane.HISTORY, minutes_ago=10)], False, id="that history had been there"),
        pytest.param([asked(9)], [run(Lane.HISTORY, Outcome.FAILED)], False, id="history that failed brought nothing"),
        pytest.param([asked(9)], [run(Lane.TODAY)], False, id="a run of today brings an hour at most"),
        pytest.param([asked(60)], [], True, id="an hour later there may be more"),
        pytest.param([asked(5), NEW], [], True, id="another metric never had its turn"),
        pytest.param([NEW], [run(Lane.HISTORY, Outcome.WAITING)], False, id="history is being built"),
        pytest.param([NEW], [run(Lane.HISTORY, minutes_ago=0.1)], False, id="history may still be arriving"),
        pytest.param([NEW], [run(Lane.HISTORY, minutes_ago=0.2)], True, id="history is quiet"),
        pytest.param([NEW], [run(Lane.TODAY, Outcome.WAITING)], True, id="today goes on for ever and is no reason"),
        pytest.param([NEW], [run(Lane.TRAINING, Outcome.WAITING)], False, id="a training is in flight"),
        pytest.param([NEW], [run(Lane.TRAINING, Outcome.WAITING, after="x")], False, id="a scoring is in flight"),
        pytest.param([NEW], [run(Lane.TRAINING, Outcome.FAILED, minutes_ago=4)], False, id="failed: pause"),
        pytest.param([NEW], [run(Lane.TRAINING, Outcome.FAILED, minutes_ago=5)], True, id="failed: pause is over"),
        pytest.param(
            [NEW],
            [run(Lane.TRAINING, Outcome.FAILED, minutes_ago=6), run(Lane.TRAINING, Outcome.FAILED, minutes_ago=20)],
            False,
            id="failed twice: the pause doubles",
        ),
        pytest.param(
            [NEW],
            [run(Lane.TRAINING, Outcome.FAILED, minutes_ago=1, after="x")],
            True,
            id="a failed scoring is no failed training",
        ),
    ],
)
def test_training_at_once(needs: list[TrainingNeed], runs: list[PastRun], wanted: bool) -> None:
    assert wants_training(needs, runs, NOW, RULES) is wanted


@pytest.mark.parametrize(
    ("scorings", "wanted"),
    [
        pytest.param([], True, id="never scored"),
        pytest.param([run(Lane.TRAINING)], False, id="scored"),
        pytest.param([run(Lane.TRAINING, Outcome.WAITING)], False, id="in flight"),
        pytest.param([run(Lane.TRAINING, Outcome.FAILED, minutes_ago=1)], False, id="failed: pause"),
        pytest.param([run(Lane.TRAINING, Outcome.FAILED, minutes_ago=5)], True, id="failed: again"),
        pytest.param(
            [run(Lane.TRAINING), run(Lane.TRAINING, Outcome.FAILED, minutes_ago=9)], False, id="done at the second try"
        ),
    ],
)
def test_scoring_after_a_training(scorings: list[PastRun], wanted: bool) -> None:
    assert wants_scoring(scorings, NOW, RULES) is wanted
