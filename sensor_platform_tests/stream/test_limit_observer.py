"""Values against limits by level, with a margin within which a level that was reached is kept."""

import pytest

from sensor_platform.stream.observations import PreviousReadings
from sensor_platform.stream.rule_kinds.limit_observer import LimitObserver
from sensor_platform.stream.series import SeriesIndex
from sensor_platform_tests.stream.given import readings_of_rows

VALUES = (-5.0, 5.0, 9.5, 10.0, 11.0, 25.0)


@pytest.mark.parametrize(
    ("observer", "raw", "hold"),
    [
        (LimitObserver(above={1: 10.0, 2: 20.0}), [0, 0, 0, 0, 1, 2], [0, 0, 0, 0, 1, 2]),
        (LimitObserver(above={1: 10.0}, margin=1.0), [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1]),
        (LimitObserver(below={2: 0.0}, margin=6.0), [2, 0, 0, 0, 0, 0], [2, 2, 0, 0, 0, 0]),
        (LimitObserver(outside={1: (0.0, 20.0)}), [1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1]),
    ],
)
def test_a_value_calls_for_the_highest_level_whose_limit_it_breaks(
    observer: LimitObserver, raw: list[int], hold: list[int]
) -> None:
    readings = readings_of_rows(SeriesIndex(), [("a", "m", at, value) for at, value in enumerate(VALUES)])
    seen = observer.observe(readings, PreviousReadings(readings.value, readings.event_at))
    assert (seen.raw.tolist(), seen.hold.tolist()) == (raw, hold)
    assert seen.value.tolist() == list(VALUES)
