"""What was superseded does not grow with every run of the same hour."""

from sensor_platform_tests.field.live.forecasts import DEVICES, LEARNT, ForecastHome


def test_live_15_runs_within_one_hour_do_not_pile_up_superseded_forecasts(stage: ForecastHome) -> None:
    for run in range(1, 4):
        stage.fill([LEARNT], shift=run)  # the same hour, with a minute more of it
        stage.score(LEARNT + run / 60)
    (kept,) = stage.rows("select count(*) from predictions_superseded")
    assert kept[0] <= len(DEVICES), "a row for each device and run"
