"""Schedules of training and of model monitoring."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from sensor_platform.orchestration.jobs import training_job, watching_job
from sensor_platform.orchestration.site_in_force import LOADED

training_schedule = ScheduleDefinition(
    name="daily_training",
    job=training_job,
    cron_schedule=LOADED.site.runs.train_cron,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)

watching_schedule = ScheduleDefinition(
    name="forecast_watch",
    job=watching_job,
    cron_schedule=LOADED.site.runs.watch_cron,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
