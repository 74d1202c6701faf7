from dataclasses import replace

import numpy as np

from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast import plots
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_training_is_one_small_picture(seasonal_noise: PanelSource, of_season: LearnedForecaster) -> None:
    drawn = plots.picture("a $metric$ of <x> \\frac \N{THERMOMETER}\n", seasonal_noise, of_season)
    assert drawn is not None
    assert drawn.startswith(PNG)
    assert len(drawn) < 150_000


def test_what_the_picture_shows_follows_the_record(seasonal_noise: PanelSource, of_season: LearnedForecaster) -> None:
    assert of_season.record is not None
    shifted = replace(of_season.record, actual=of_season.record.actual + 5)
    other = plots.picture("m", seasonal_noise, replace(of_season, record=shifted))
    assert other != plots.picture("m", seasonal_noise, of_season)


def test_without_a_backtest_there_is_no_picture(seasonal_noise: PanelSource, of_season: LearnedForecaster) -> None:
    assert plots.picture("m", seasonal_noise, replace(of_season, record=None, judged=None)) is None


def test_contributions_name_the_inputs_by_size(of_season: LearnedForecaster) -> None:
    shares = plots.contributions(of_season)
    sizes = np.array(list(shares.values()))
    assert (np.diff(sizes) <= 0).all()
    assert set(shares) == set(of_season.forecaster.layout.names)
    assert sizes[0] > 0


def test_a_forecaster_without_trees_is_drawn_without_contributions(
    seasonal_noise: PanelSource, of_season: LearnedForecaster
) -> None:
    bare = replace(of_season, forecaster=of_season.forecaster.without({"lightgbm"}))
    assert plots.contributions(bare) == {}
    assert plots.picture("m", seasonal_noise, bare) is not None
