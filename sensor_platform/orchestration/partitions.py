"""Days: the partitions of every asset but the model, and which of them a run is about."""

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dagster import AssetExecutionContext, BackfillPolicy, BetaWarning, DailyPartitionsDefinition

from sensor_platform.settings import load_settings

# Dagster marks this one parameter as beta; without it a year's backfill would be 365 runs.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=BetaWarning)

SETTINGS = load_settings()
"""Of this process. Definitions need the site's start and freshness while they load; assets are handed theirs."""

DAYS = DailyPartitionsDefinition(
    start_date=datetime.combine(SETTINGS.site.start, time(), UTC),
    end_offset=1,  # so that today, which is not over, is a partition
)
ONE_RUN = BackfillPolicy.single_run()
OWNERS = ["team:platform"]
WRITER_POOL = "duckdb_writer"
"""Of every asset that writes the warehouse; its limit is in dagster.yaml."""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"
POSITION_TAG = "sensor_platform/position"
LANE_TAG = "sensor_platform/lane"
AFTER_TAG = "sensor_platform/after_training"
"""On a scoring: the run of the training whose first models it uses."""
PRIORITY_TAG = "dagster/priority"


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is about."""

    first: date
    last: date
    """Inclusive."""
    position: int | None
    """Rebuild what is dirty as of this ledger position; None rebuilds every window of the days."""

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of the range, ascending."""
        return tuple(self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))


def work_of(context: AssetExecutionContext) -> Work:
    """The days and the ledger position that the run of `context` was asked for."""
    window = context.partition_time_window
    position = context.run.tags.get(POSITION_TAG)
    return Work(
        first=window.start.date(),
        last=(window.end - timedelta(microseconds=1)).date(),
        position=int(position) if position else None,
    )
