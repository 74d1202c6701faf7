"""Dagster's sensors and schedules go on after a clock that was ahead; left alone, they wait until that time has come.

Dagster 1.13 compares the clock with the last tick of a sensor and the last iteration of a schedule. Both are in its
storage, and the latter also in the daemon's memory. Where they are read, a time in the future is of an hour ago.
The private imports of Dagster are those that its daemon uses.
"""

from typing import Any

from dagster._core.scheduler.instigation import (
    InstigatorState,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from dagster._scheduler import scheduler

TOLERANCE_SECONDS = 60.0
"""A time that is this far in the future is of a clock that was ahead."""

_HOUR = 3600.0
"""Longer than the interval of every sensor, and no longer than a schedule may catch up."""


def believed_state(state: InstigatorState, now: float) -> InstigatorState:
    """The state of a sensor or schedule, whose times are not in the future; `now` is in seconds since the epoch."""
    data: Any = state.instigator_data
    if not isinstance(data, SensorInstigatorData | ScheduleInstigatorData):
        return state
    late: dict[str, Any] = {
        name: now - _HOUR
        for name, value in data._asdict().items()
        if name.endswith("_timestamp") and value is not None and value > now + TOLERANCE_SECONDS
    }
    return state.with_data(data._replace(**late)) if late else state


class BelievedTimes(scheduler.ScheduleIterationTimes):
    """What the scheduler remembers between two looks: a look of the future does not put off the next one."""

    def should_run_next_iteration(self, schedule: Any, now_timestamp: float) -> bool:  # noqa: ANN401 - as in Dagster
        """Whether to look at a schedule now."""
        is_ahead = self.last_iteration_timestamp > now_timestamp + TOLERANCE_SECONDS
        return is_ahead or bool(super().should_run_next_iteration(schedule, now_timestamp))


def mend_scheduler() -> None:
    """Let the scheduler of this process remember `BelievedTimes`."""
    scheduler.ScheduleIterationTimes = BelievedTimes  # type: ignore[misc]
