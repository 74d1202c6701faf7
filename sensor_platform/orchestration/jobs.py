"""The jobs that sensors and schedules ask for. Runs execute in one process: each more would cost seconds to start."""

from dagster import AssetKey, AssetSelection, define_asset_job

from sensor_platform.orchestration.checks.integrity import proof
from sensor_platform.orchestration.partitions import LANE_TAG
from sensor_platform.orchestration.planning.run_planner import Lane

DAYS_JOB = "days"
TRAINING_JOB = "training"
SCORING_JOB = "scoring"

WATCHING_JOB = "watching"

_MODEL = AssetKey("forecast_model")
_HEALTH = AssetKey("forecast_health")
_TASKS = AssetKey("supervised_model")
_TASK_HEALTH = AssetKey("supervised_health")
_OF_NO_DAY = AssetSelection.assets(_MODEL, _HEALTH, _TASKS, _TASK_HEALTH)

days_job = define_asset_job(
    DAYS_JOB,
    # the proof looks at everything, not at some days: it has a schedule of its own
    selection=AssetSelection.all() - _OF_NO_DAY - AssetSelection.checks(proof),
    description="Everything of some days, from the landing files to what analysts read.",
)
training_job = define_asset_job(
    TRAINING_JOB,
    selection=AssetSelection.assets(_MODEL, _TASKS),
    tags={LANE_TAG: Lane.TRAINING.value},
    description="Train, backtest and where deserved promote the forecasters and the models of supervised tasks.",
)
scoring_job = define_asset_job(
    SCORING_JOB,
    selection=AssetSelection.assets("predictions", "supervised_scores", "published"),
    tags={LANE_TAG: Lane.TRAINING.value},
    description="Predictions that a first model makes possible, and their publication.",
)
watching_job = define_asset_job(
    WATCHING_JOB,
    selection=AssetSelection.assets(_HEALTH, _TASK_HEALTH),
    description="Adjust, roll back or ask for training, by what came of forecasts and of scores.",
)
