"""Readings for tests of the engine, written down as rows."""

from collections.abc import Sequence

import numpy as np

from sensor_platform.stream.columns import Readings
from sensor_platform.stream.series import SeriesIndex

SECOND = 1_000_000
NOON = 1_772_366_400_000_000
"""2026-03-01T12:00:00Z in microseconds."""

Row = tuple[str, str, float, float]
"""Device, metric, seconds after noon, value."""


def noon(seconds: float) -> int:
    """Microseconds of a moment so many seconds after noon."""
    return NOON + round(seconds * SECOND)


def readings_of_rows(
    index: SeriesIndex,
    rows: Sequence[Row],
    *,
    delay: float = 0.0,
    verdicts: Sequence[int] = (),
    keys: Sequence[int] = (),
    has_device_time: bool = True,
    first_message: int = 0,
) -> Readings:
    """Rows in order of arrival, one message each; each arrives `delay` seconds after its event time."""
    count = len(rows)
    device = index.device_numbers([row[0] for row in rows])
    metric = np.array([index.metric_number(row[1]) for row in rows], np.int64)
    at = np.array([noon(row[2]) for row in rows], np.int64)
    readings = Readings(
        index.numbers(device, metric),
        np.arange(first_message, first_message + count),
        at,
        at + round(delay * SECOND),
        np.array([row[3] for row in rows], np.float64),
        np.array(verdicts or [0] * count, np.uint8),
        np.array(keys or [0] * count, np.uint64),
        np.full(count, has_device_time),
    )
    return readings.pick(np.lexsort((readings.message, readings.series)))
