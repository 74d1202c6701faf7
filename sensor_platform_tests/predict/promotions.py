"""Champions, their challengers and the decision between them."""

from dataclasses import replace

import numpy as np

from sensor_platform.predict.features.matrix import Examples, PanelSource
from sensor_platform.predict.forecast import new_version, promotion
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster, Forecasts
from sensor_platform.predict.forecast.promotion import Incumbent, PromotionDecision
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

HORIZONS = (1, 6, 24)


class Off(Forecaster):
    """A forecaster whose models are wrong by a stated amount more than another one's."""

    __slots__ = ("by",)
    by: float

    def forecast(self, rows: Examples) -> Forecasts:
        said = super().forecast(rows)
        moved = {name: each if name in BASELINES else each + self.by for name, each in said.by_candidate.items()}
        return replace(said, by_candidate=moved)


def off(forecaster: Forecaster, by: float) -> Forecaster:
    parts = {name: getattr(forecaster, name) for name in Forecaster.__slots__}
    found = Off(**parts)
    object.__setattr__(found, "by", by)
    return found


def spoilt(learned: LearnedForecaster, by: float, buckets: tuple[int, ...] = HORIZONS) -> LearnedForecaster:
    """A challenger whose models were off by `by` in the backtest at these horizons."""
    assert learned.record is not None
    said = learned.record.by_candidate
    at = np.isin(learned.record.horizon, buckets)
    moved = {name: each if name in BASELINES else each + by * at for name, each in said.items()}
    return replace(learned, record=replace(learned.record, by_candidate=moved))


def incumbent(challenger: LearnedForecaster, source: PanelSource, hours_ago: int, by: float = 0.0) -> Incumbent:
    from datetime import UTC, datetime

    card, _ = new_version.version("m", source, challenger, HORIZONS, 7, datetime(2026, 6, 1, tzinfo=UTC))
    newest = int(source.panel.step.max())
    return Incumbent(card, off(challenger.forecaster, by), challenger.rules, newest - hours_ago)


def decide(learned: LearnedForecaster, champion: Incumbent | None) -> PromotionDecision:
    return promotion.decide(learned, {"x": b"x"}, champion)
