"""Hourly means of a week and of the four before it in, anomaly rows of that week out. Pure.

All metrics of a device are looked at together; each keeps its own two scores, reason and threshold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.deviation import Deviations
from sensor_platform.predict.anomaly.scoring import BLOCK_DAYS, REFERENCE_DAYS, SCORES, Series, blocks, threshold
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.panel import Floats, Ints

if TYPE_CHECKING:
    import polars as pl

WEEK = BLOCK_DAYS * HOURLY.season
REFERENCE = REFERENCE_DAYS * HOURLY.season
REACH_HOURS = REFERENCE + WEEK
"""An hour's scores depend on at most this many hours before it."""
KEYS = ("device_id", "metric", "window_start")
_NUMBERS = ("value", "expected", "deviation", "band", "residual", "score", "threshold")
COLUMNS = (*KEYS, *_NUMBERS, "served", "is_anomaly", "direction", "reason")


def empty() -> "pl.DataFrame":
    """No anomaly rows."""
    import polars as pl

    text = pl.String()
    kinds: dict[str, pl.DataType] = {"device_id": text, "metric": text, "window_start": pl.Datetime("us")}
    kinds |= dict.fromkeys(_NUMBERS, pl.Float64())
    kinds |= {"served": text, "is_anomaly": pl.Boolean(), "direction": text, "reason": text}
    return pl.DataFrame(schema=kinds)


def week_rows(hours: "pl.DataFrame", week: int, config: AnomalyConfig) -> "pl.DataFrame":
    """Rows of one week.

    Args:
        hours: device_id, metric, window_start, mean of that week and of the four before it.
        week: its number since the epoch.
        config: which score is served, and how many false alarms are allowed.

    Returns:
        COLUMNS, one row per device, metric and hour that has a mean and enough hours before the week to compare with.
    """
    import polars as pl

    scored = [each for frame in _devices(hours) for each in _device(frame, week)]
    parts = [empty()]
    for metric in sorted({each.metric for each in scored}):
        own = [each for each in scored if each.metric == metric]
        limits = {name: threshold([each.past[name] for each in own], config.false_alarm_rate) for name in SCORES}
        parts += [_rows(each, limits, config) for each in own]
    return pl.concat(parts).sort(KEYS)


@dataclass(frozen=True, slots=True)
class _Scored:
    """One metric of one device in the week."""

    device: str
    metric: str
    step: Ints
    value: Floats
    deviations: Mapping[str, Deviations]
    """By score; one column each."""
    past: Mapping[str, Floats]
    """Scores of the reference's second half against its first: what is ordinary outside of what was fit."""


def _devices(hours: "pl.DataFrame") -> Iterator["pl.DataFrame"]:
    import polars as pl

    known = hours.filter(pl.col("mean").is_finite())
    for _, frame in known.group_by("device_id", maintain_order=True):
        yield frame


def _device(frame: "pl.DataFrame", week: int) -> Iterator[_Scored]:
    import polars as pl

    wide = frame.pivot(on="metric", index="window_start", values="mean").sort("window_start")
    metrics = sorted(name for name in wide.columns if name != "window_start")
    step = wide["window_start"].dt.epoch("us").to_numpy() // HOURLY.step_us
    values = wide.select(pl.col(metrics).cast(pl.Float64)).to_numpy()
    series = Series(step, values, np.ones(len(step), dtype=bool))
    first = int(np.searchsorted(step, week * WEEK))
    found = {name: list(blocks(series, first, HOURLY, name)) for name in SCORES}
    if first == len(step) or not all(found.values()):
        return
    past = {name: _outside(series.upto(first), name) for name in SCORES}
    for place, metric in enumerate(metrics):
        deviations = {name: _column(each[0].deviations, place) for name, each in found.items()}
        yield _Scored(
            device=str(frame["device_id"][0]),
            metric=metric,
            step=step[first:],
            value=values[first:, place],
            deviations=deviations,
            past={name: _sizes(past[name], place) for name in SCORES},
        )


def _outside(series: Series, score: str) -> Deviations | None:
    """The second half of the reference against the first."""
    half = len(series.step) // 2
    found = list(blocks(series, half, HOURLY, score))
    if not found:
        return None
    parts = [[getattr(block.deviations, name) for block in found] for name in Deviations.__slots__]
    return Deviations(*(np.concatenate(part) for part in parts))


def _column(found: Deviations, place: int) -> Deviations:
    own = slice(place, place + 1)
    return Deviations(found.level[:, own], found.spread[:, own], found.spike[:, own], found.expected[:, own])


def _sizes(found: Deviations | None, place: int) -> Floats:
    if found is None:
        return np.empty(0)
    own = _column(found, place)
    return np.asarray(own.size[:, 0][np.isfinite(own.spike[:, 0])])


def _rows(scored: _Scored, limits: Mapping[str, float], config: AnomalyConfig) -> "pl.DataFrame":
    import polars as pl

    known = np.isfinite(scored.value)
    sizes = {name: each.size[:, 0][known] for name, each in scored.deviations.items()}
    served, limit = scored.deviations[config.score], limits[config.score]
    score, value = sizes[config.score], scored.value[known]
    expected = served.expected[:, 0][known]
    kinds = [_kind(*each) for each in zip(*(_signed(served, known)), strict=True)]
    flagged = score > limit
    return pl.DataFrame(
        {
            "window_start": pl.Series(scored.step[known] * HOURLY.step_us, dtype=pl.Int64).cast(pl.Datetime("us")),
            "value": value,
            "expected": expected,
            "deviation": [far for _, far in kinds],
            "band": sizes["band"],
            "residual": sizes["residual"],
            "score": score,
            "is_anomaly": flagged,
            "direction": [direction for direction, _ in kinds],
            "reason": [
                _reason(scored.metric, *kind, own, usual) if is_anomaly else None
                for kind, own, usual, is_anomaly in zip(kinds, value, expected, flagged, strict=True)
            ],
        },
        schema_overrides={"reason": pl.String, "direction": pl.String, "deviation": pl.Float64},
    ).select(
        pl.lit(scored.device).alias("device_id"),
        pl.lit(scored.metric).alias("metric"),
        pl.col("window_start", "value", "expected", "deviation", "band", "residual", "score"),
        pl.lit(limit).alias("threshold"),
        pl.lit(config.score).alias("served"),
        pl.col("is_anomaly", "direction", "reason"),
    )


def _signed(found: Deviations, known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Sequence[Floats]:
    return [np.nan_to_num(each[:, 0][known]) for each in (found.level, found.spread, found.spike)]


def _kind(level: float, spread: float, spike: float) -> tuple[str, float]:
    """Which of the three stands out most, as a direction, and how far in ordinary spreads."""
    sizes = {"level": abs(level), "spread": abs(spread), "spike": max(abs(spike) - 4.0, 0.0) * 0.7}
    most = max(sizes, key=lambda name: sizes[name])
    if most == "spread":
        return ("restless" if spread > 0 else "stuck"), float(spread)
    far = level if most == "level" else spike
    return ("above" if far > 0 else "below"), float(far)


def _reason(metric: str, direction: str, far: float, value: float, expected: float) -> str:
    what = {
        "above": f"{metric} is above what is ordinary",
        "below": f"{metric} is below what is ordinary",
        "restless": f"{metric} moves more than is ordinary",
        "stuck": f"{metric} moves less than is ordinary",
    }[direction]
    return f"{what} by {abs(far):.1f} spreads: {value:.6g} where {expected:.6g} is expected"
