"""The jobs of sensors and schedules. Each run uses one process, because another would cost seconds to start."""

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
_WITHOUT_DAYS = AssetSelection.assets(_MODEL, _HEALTH, _TASKS, _TASK_HEALTH)

days_job = define_asset_job(
    DAYS_JOB,
    # the proof covers all data, not single days, and has its own schedule
    selection=AssetSelection.all() - _WITHOUT_DAYS - AssetSelection.checks(proof),
    description="All assets of some days, from landing files to published files.",
)
training_job = define_asset_job(
    TRAINING_JOB,
    selection=AssetSelection.assets(_MODEL, _TASKS),
    tags={LANE_TAG: Lane.TRAINING.value},
    description="Train and backtest forecasters and models of supervised tasks; promote those that pass the gate.",
)
scoring_job = define_asset_job(
    SCORING_JOB,
    selection=AssetSelection.assets("predictions", "supervised_scores", "published"),
    tags={LANE_TAG: Lane.TRAINING.value},
    description="Scores of a new model for past days, and their publication.",
)
watching_job = define_asset_job(
    WATCHING_JOB,
    selection=AssetSelection.assets(_HEALTH, _TASK_HEALTH),
    description="Adjust models, roll them back or request training, by the accuracy of forecasts and scores.",
)
