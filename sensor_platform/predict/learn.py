"""From the feature rows of one metric to a judged, calibrated model: the whole recipe, pure and reproducible."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from sensor_platform.predict import backtest, card, registry, train
from sensor_platform.predict.card import Card, HorizonCard
from sensor_platform.predict.config import ForecastConfig
from sensor_platform.predict.forecaster import LEVEL, Forecaster
from sensor_platform.predict.matrix import INPUT_HASH, INPUTS, Examples, examples

if TYPE_CHECKING:
    import polars as pl

_HOUR = timedelta(hours=1)
TARGET = "difference from the last value, divided by the horizon's scale"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A metric that cannot be trained yet, and why, in words for a person."""

    metric: str
    reason: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A model ready for the registry."""

    card: Card
    texts: dict[str, str]
    judged: Examples
    """The backtest block, for comparing a champion on the same rows."""
    backtested: Forecaster
    """Trained without that block; what the backtest judged."""


def learn(metric: str, features: "pl.DataFrame", config: ForecastConfig, now: datetime) -> Learned | Waiting:
    """Backtest, calibrate, choose, then train again on everything.

    Args:
        metric: whose rows `features` holds.
        features: feature rows of complete hours, any order.
        config: horizons, history wanted, block, seed.
        now: aware UTC; becomes the card's created_at and part of the version.
    """
    if features.is_empty():
        return Waiting(metric, "no hourly value of it yet")
    features = features.sort("device_id", "window_start")
    oldest, newest = (_utc(features["window_start"].min()), _utc(features["window_start"].max()))
    history = (newest - oldest) // _HOUR + 1
    if history < config.min_history_hours:
        return Waiting(
            metric, f"{history} of the {config.min_history_hours} hours of history that min_history_hours asks for"
        )
    block = backtest.block_hours(history, config.backtest_hours)
    split = backtest.split(features, config.horizons, block, config.seed)
    if len(split.learnt) < train.LEAST_EXAMPLES or not len(split.judged):
        return Waiting(
            metric,
            f"{len(split.learnt)} examples to learn from and {len(split.judged)} to judge by; at least"
            f" {train.LEAST_EXAMPLES} and 1 are needed (gaps leave none)",
        )
    missing = sorted(set(config.horizons) - {int(horizon) for horizon in split.learnt.horizon})
    if missing:
        return Waiting(metric, f"no pair of hours {missing[0]} apart before the backtest block")
    return _learned(metric, features, config, now, split, newest - (block - 1) * _HOUR)


def _learned(
    metric: str,
    features: "pl.DataFrame",
    config: ForecastConfig,
    now: datetime,
    split: backtest.Split,
    block_start: datetime,
) -> Learned:
    backtested = train.fit(split.learnt, config.seed, config.parallel_fits)
    results = backtest.judge(backtested, split.judged, config.horizons)
    everything = examples(features, config.horizons, train.MOST_EXAMPLES, config.seed)
    final = train.fit(everything, config.seed, config.parallel_fits)
    texts = final.texts()
    made = Card(
        metric=metric,
        version=registry.version_name(now, texts),
        created_at=now,
        trained_from=_utc(features["window_start"].min()),
        trained_to=_utc(features["window_start"].max()),
        backtest_from=block_start,
        examples=len(everything),
        devices=features["device_id"].n_unique(),
        horizons=tuple(HorizonCard(**asdict(each), scale=final.scales[each.horizon_hours]) for each in results),
        interval=LEVEL,
        inputs=INPUTS,
        inputs_sha256=INPUT_HASH,
        target=TARGET,
        parameters=train.parameters(len(everything), config.seed) | train.PER_QUANTILE,
        seed=config.seed,
        libraries=card.library_versions(),
        files={},
    )
    return Learned(made, texts, split.judged, backtested)


def _utc(moment: object) -> datetime:
    return cast("datetime", moment).replace(tzinfo=UTC)
