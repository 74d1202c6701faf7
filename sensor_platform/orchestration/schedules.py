"""The daily training."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from sensor_platform.orchestration.jobs import training_job
from sensor_platform.orchestration.partitions import SETTINGS

training_schedule = ScheduleDefinition(
    name="daily_training",
    job=training_job,
    cron_schedule=SETTINGS.site.runs.train_cron,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
