"""Make the anomaly rows of a week from hourly means of that week and of the four before it. Pure.

All metrics of a device are scored together; each has its own two scores, reason and threshold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.anomaly.block_scores import BLOCK_DAYS, REFERENCE_DAYS, SCORES, DeviceSeries, scored_blocks
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.deviation import KINDS, Deviations, concatenated, spike_size
from sensor_platform.predict.anomaly.normal_rows import NormalRows
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.panel import Floats, Ints

if TYPE_CHECKING:
    import polars as pl

WEEK = BLOCK_DAYS * HOURLY.season
REFERENCE = REFERENCE_DAYS * HOURLY.season
KEYS = ("device_id", "metric", "window_start")
_NUMERIC = ("value", "expected", "deviation", "band", "residual", "score", "threshold")
COLUMNS = (*KEYS, *_NUMERIC, "served", "is_anomaly", "direction", "reason")


def no_anomaly_rows() -> "pl.DataFrame":
    """An empty table of anomaly rows."""
    import polars as pl

    text = pl.String()
    kinds: dict[str, pl.DataType] = {"device_id": text, "metric": text, "window_start": pl.Datetime("us")}
    kinds |= dict.fromkeys(_NUMERIC, pl.Float64())
    kinds |= {"served": text, "is_anomaly": pl.Boolean(), "direction": text, "reason": text}
    return pl.DataFrame(schema=kinds)


def week_rows(hours: "pl.DataFrame", week: int, config: AnomalyConfig) -> "pl.DataFrame":
    """Make the anomaly rows of one week.

    Args:
        hours: device_id, metric, window_start, mean of that week and of the four before it.
        week: number of the week since the epoch.
        config: which score is served, and the expected false alarm rate.

    Returns:
        COLUMNS; one row per device, metric and hour that has a mean and enough hours before the week as a reference.
    """
    import polars as pl

    scored = [each for frame in _devices(hours) for each in _device(frame, week)]
    parts = [no_anomaly_rows()]
    for metric in sorted({each.metric for each in scored}):
        own = [each for each in scored if each.metric == metric]
        known = {name: NormalRows([each.past[name] for each in own], sensors=1, grid=HOURLY) for name in SCORES}
        limit = known[config.score].limit(config.false_alarm_rate)
        parts += [_rows(each, known, limit, config) for each in own]
    return pl.concat(parts).sort(KEYS)


@dataclass(frozen=True, slots=True)
class _Scored:
    """Values and deviations of one metric of one device in the week."""

    device: str
    metric: str
    step: Ints
    value: Floats
    deviations: Mapping[str, Deviations]
    """Deviations by score, with one column each."""
    past: Mapping[str, Deviations]
    """Deviations of the second half of the reference from its first half, by score: normal rows outside of a fit."""


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
    series = DeviceSeries(step, values, np.ones(len(step), dtype=bool))
    first = int(np.searchsorted(step, week * WEEK))
    found = {name: list(scored_blocks(series, first, HOURLY, name)) for name in SCORES}
    if first == len(step) or not all(found.values()):
        return
    past = {name: _outside(series.head(first), name) for name in SCORES}
    for place, metric in enumerate(metrics):
        deviations = {name: _column(each[0].deviations, place) for name, each in found.items()}
        yield _Scored(
            device=str(frame["device_id"][0]),
            metric=metric,
            step=step[first:],
            value=values[first:, place],
            deviations=deviations,
            past={name: _known(_column(past[name], place)) for name in SCORES},
        )


def _outside(series: DeviceSeries, score: str) -> Deviations:
    """Deviations of the second half of the reference from the first half."""
    found = [block.deviations for block in scored_blocks(series, len(series.step) // 2, HOURLY, score)]
    nothing = np.empty((0, series.values.shape[1]))
    return concatenated([*found, Deviations(*[nothing] * len(Deviations.__slots__))])


def _column(found: Deviations, place: int) -> Deviations:
    return Deviations(*(getattr(found, name)[:, place : place + 1] for name in Deviations.__slots__))


def _known(found: Deviations) -> Deviations:
    return found.rows(np.isfinite(found.spike[:, 0]))


def _rows(scored: _Scored, known: Mapping[str, NormalRows], limit: float, config: AnomalyConfig) -> "pl.DataFrame":
    import polars as pl

    has_value = np.isfinite(scored.value)
    found = {name: known[name].spread_factors.applied(each.rows(has_value)) for name, each in scored.deviations.items()}
    sizes = {name: each.size[:, 0] for name, each in found.items()}
    served, score, value = found[config.score], sizes[config.score], scored.value[has_value]
    expected = served.expected[:, 0]
    kinds = _kinds(served)
    flagged = score > limit
    return pl.DataFrame(
        {
            "window_start": pl.Series(scored.step[has_value] * HOURLY.step_us, dtype=pl.Int64).cast(pl.Datetime("us")),
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


def _kinds(found: Deviations) -> list[tuple[str, float]]:
    """Direction of the largest deviation of each row, and its size in spreads."""
    signed = [np.nan_to_num(getattr(found, kind)[:, 0]) for kind in KINDS]
    sizes = [spike_size(each) if kind == "spike" else np.abs(each) for kind, each in zip(KINDS, signed, strict=True)]
    most = np.argmax(sizes, axis=0)
    far = np.take_along_axis(np.stack(signed), most[None, :], axis=0)[0]
    words = {True: ("restless", "stuck"), False: ("above", "below")}
    return [
        (words[KINDS[part] == "spread"][0 if size > 0 else 1], float(size))
        for part, size in zip(most.tolist(), far.tolist(), strict=True)
    ]


def _reason(metric: str, direction: str, far: float, value: float, expected: float) -> str:
    what = {
        "above": f"{metric} is above what is ordinary",
        "below": f"{metric} is below what is ordinary",
        "restless": f"{metric} moves more than is ordinary",
        "stuck": f"{metric} moves less than is ordinary",
    }[direction]
    return f"{what} by {abs(far):.1f} spreads: {value:.6g} where {expected:.6g} is expected"
