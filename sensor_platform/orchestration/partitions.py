"""Days are the partitions of every asset except the models. Which of them a run covers."""

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dagster import AssetExecutionContext, BackfillPolicy, BetaWarning, DailyPartitionsDefinition

from sensor_platform.orchestration.first_day import first_partition
from sensor_platform.orchestration.site_in_force import LOADED

# Dagster marks this one parameter as beta; without it a year's backfill would be 365 runs.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=BetaWarning)

DAYS = DailyPartitionsDefinition(
    start_date=datetime.combine(first_partition(LOADED.home, LOADED.site.start, datetime.now(UTC).date()), time(), UTC),
    end_offset=1,  # so that today, which is not over, is a partition
)
"""Begins as when the definitions were loaded: an older day that lands later has a partition after the next load."""
ONE_RUN = BackfillPolicy.single_run()
OWNERS = ["team:platform"]
WRITER_POOL = "duckdb_writer"
"""Pool of every asset that writes the warehouse; its limit is in dagster.yaml."""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"
POSITION_TAG = "sensor_platform/position"
GENERATION_TAG = "sensor_platform/generation"
"""Generation of the ledger that the position is of."""
LANE_TAG = "sensor_platform/lane"
AFTER_TAG = "sensor_platform/after_training"
"""Tag of a scoring run: id of the training run whose models it uses."""
PRIORITY_TAG = "dagster/priority"


@dataclass(frozen=True, slots=True)
class RunScope:
    """Days and position of a run."""

    first: date
    last: date
    """Inclusive."""
    position: int | None
    """Rebuild windows that are dirty at this ledger position; None rebuilds every window of the days."""

    @property
    def days(self) -> tuple[date, ...]:
        """All days of the range, ascending."""
        return tuple(self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))


def scope_of(context: AssetExecutionContext) -> RunScope:
    """The days and the ledger position that this run was requested for."""
    window = context.partition_time_window
    position = context.run.tags.get(POSITION_TAG)
    return RunScope(
        first=window.start.date(),
        last=(window.end - timedelta(microseconds=1)).date(),
        position=int(position) if position else None,
    )
