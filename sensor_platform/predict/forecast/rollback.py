"""Whether the forecaster before the champion would have been better on the champion's live record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from sensor_platform.home import Home
from sensor_platform.kernel.clock import EPOCH
from sensor_platform.predict.chance import by_chance, time_blocks
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.matrix import Examples, PanelSource, concatenate_examples, examples_at
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.features.read_panels import read_source
from sensor_platform.predict.forecast.actuals import ForecastKeys, read_keys
from sensor_platform.predict.forecast.forecaster_registry import ForecasterPeriod, ForecastModel, forecasters
from sensor_platform.predict.forecast.selection.adjust import apply_rules
from sensor_platform.predict.over_hours import OverHours
from sensor_platform.predict.registry import champions, version_files

LEAST_FORECASTS = 200
WORSE = 0.05
"""A champion this share worse than the one before it, on the same live rows, is rolled back."""
CHANCE = 1e-4
"""Probability per look that a champion as good as the one before it is rolled back (paired, one-sided Student's t)."""
LEAST_BLOCKS = 8
"""Observations of that test: blocks of six hours, or of a quarter of the farthest horizon, else single hours."""
_MOST_COMPARED = 20_000
_HOUR = timedelta(hours=1)


def better_before(
    home: Home,
    over: OverHours,
    metric: str,
    periods: Sequence[ForecasterPeriod],
    model: ForecastModel,
    now: datetime,
) -> tuple[ForecasterPeriod, str] | None:
    """The champion before this one, if it would have been better beyond chance on the hours since then, and why.

    Both forecast again what was in force when its hour began, from the features of now.

    Args:
        home: data folder.
        over: which hours are over, in the open warehouse.
        metric: forecast metric.
        periods: champion periods of the metric, oldest first.
        model: the champion, verified.
        now: aware UTC.
    """
    before = next(champions.earlier_champions(periods), None)
    if before is None:
        return None
    try:
        older = forecasters.load(home, metric, before.version, before.card_sha256)
    except version_files.Unusable:
        return None
    since = max(champions.takeovers(periods)[0].serves_from, model.card.trained_to, older.card.trained_to)
    keys = read_keys(over, metric, since, now - _HOUR, model.model_id, _MOST_COMPARED)
    keys = keys.where(np.isin(keys.horizon, older.card.horizons))
    if len(keys.step) < LEAST_FORECASTS:
        return None
    mine, theirs = (_served(over, metric, one, keys, now) for one in ((model, periods[-1]), (older, before)))
    groups = time_blocks(mine.target, mine.horizon, LEAST_BLOCKS)
    more, other = mine.errors - theirs.errors, float(theirs.errors.mean())
    if more.mean() <= max(WORSE * other, by_chance(more, groups, CHANCE, LEAST_BLOCKS)):
        return None
    error = float(mine.errors.mean())
    why = f"error {error:.4g} since {since:%Y-%m-%d %H:%M}Z where {before.version} would have had {other:.4g}"
    return before, why


@dataclass(frozen=True, slots=True)
class _Served:
    """Errors of what a version serves, for some forecasts."""

    errors: Floats
    target: Ints
    horizon: npt.NDArray[np.int32]


def _served(
    over: OverHours,
    metric: str,
    one: tuple[ForecastModel, ForecasterPeriod],
    keys: ForecastKeys,
    now: datetime,
) -> _Served:
    """A version on these forecasts, from the features of now: the same for both."""
    model, period = one
    first = EPOCH + (int(keys.step.min()) - HOURLY.reach) * _HOUR
    source = read_source(over, metric, model.card.others, first, now - _HOUR)
    some = concatenate_examples([_examples_of(source, keys, int(horizon)) for horizon in np.unique(keys.horizon)])
    some = some.where(np.isfinite(some.actual))
    served = apply_rules(period.rules or model.card.rules, some, model.forecaster.forecast(some))
    return _Served(np.abs(served.value - some.actual), some.target, some.horizon)


def _examples_of(source: PanelSource, keys: ForecastKeys, horizon: int) -> Examples:
    """Examples of these forecasts that still have features."""
    own = keys.horizon == horizon
    places = source.panel.locate(keys.devices, keys.device[own], keys.step[own])
    return examples_at(source, places[places >= 0], horizon)
