"""The null rate of the watch is that of the devices that were learnt from."""

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.forecasts import LEARNT, ForecastHome

WEEKS = 10 * 24


def test_live_24_devices_that_were_learnt_from_and_are_dead_count_as_missing(stage: ForecastHome) -> None:
    stage.fill(range(LEARNT, LEARNT + WEEKS), devices=[f"new-{number}" for number in range(2)])
    nulls = stage.watch(LEARNT + WEEKS + 0.1).null_rate
    need(nulls is not None, "there is a null rate after a week")
    assert nulls == pytest.approx(1.0), "every device that was learnt from has been dead for ten days"
