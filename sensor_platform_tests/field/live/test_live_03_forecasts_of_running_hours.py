"""Forecasts come from hours that are over, and are judged by what was in force when their hour came."""

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.forecasts import DEVICES, LEARNT, ForecastHome, plain

MINUTE = 1 / 60


def test_live_03_no_forecast_is_made_from_an_hour_that_is_not_over(stage: ForecastHome) -> None:
    stage.fill([LEARNT], shift=-30)  # the first minutes of a ramp
    stage.score(LEARNT + 10 * MINUTE)
    need(stage.rows("select 1 from predictions"), "there are forecasts")
    made = stage.rows(f"select count(*) from predictions where issued_at >= '{plain(LEARNT)}'")
    assert made == [(0,)], "a forecast ten minutes into the hour that it is made from"


def test_live_03_forecasts_are_made_from_an_hour_that_is_over(stage: ForecastHome) -> None:
    stage.fill([LEARNT])
    stage.score(LEARNT + 1 + 5 * MINUTE)
    made = stage.rows(f"select count(*) from predictions where issued_at = '{plain(LEARNT)}'")
    assert made == [(len(DEVICES),)]


def test_live_03_a_forecast_that_came_after_its_hour_is_not_live_record(stage: ForecastHome) -> None:
    late = range(LEARNT, LEARNT + 60)
    stage.fill(late)  # a device that was away uploads all at once
    stage.score(LEARNT + 60 + 5 * MINUTE)
    hindsight = "created_at > target_at + interval 1 hour"
    need(stage.rows(f"select count(*) from predictions where {hindsight}")[0][0] > 100, "forecasts after the fact")
    in_time = stage.rows(
        f"select count(*) from predictions where not ({hindsight}) and target_at < '{plain(LEARNT + 60)}'"
    )[0][0]
    assert stage.watch(LEARNT + 60 + 10 * MINUTE).forecasts <= in_time, "the watch judges by what was known already"


@pytest.mark.field_slow
def test_live_03_accuracy_is_of_the_revision_that_was_in_force(stage: ForecastHome) -> None:
    stage.fill([LEARNT], shift=-30)
    stage.score(LEARNT + 1 + 5 * MINUTE)
    issued = f"issued_at = '{plain(LEARNT)}'"
    served = stage.rows(f"select device_id, value from predictions where {issued} order by 1")
    need(len(served) == len(DEVICES), "a forecast for each device is served in time")
    stage.fill(range(LEARNT, LEARNT + 10))  # the rest of that hour comes late, with the hours after it
    stage.score(LEARNT + 10 + 5 * MINUTE)
    need(stage.rows(f"select device_id, value from predictions where {issued} order by 1") != served, "it is revised")
    judged = stage.published(f"select device_id, value from prediction_accuracy where {issued} order by 1")
    assert judged == served, "judged is a revision that nobody saw before its hour had come"
