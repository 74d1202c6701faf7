"""The one definition of the forecaster's features, used for training, backtest and scoring alike.

Input: hourly means, one row per device, metric and hour. Output: one row per device, metric and hour that has a mean.
Strictly causal: the row of hour t uses hours <= t, none older than t - 168 h. What depends on the horizon (calendar of
the target hour, seasonal value) is derived from such a row in `matrix`, so that a row serves every horizon.

Every number is made by sums in a fixed order over exact hours, never by a running total: a row is bit for bit the same
whether it was computed from the whole history or from the 168 hours before it.
"""

import functools
import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

WIDEST_LAG_HOURS = 168
"""A changed hour changes the features of itself and of this many hours after it."""
DAY = 24
KEYS = ("device_id", "metric", "window_start")
LAGS = (*range(1, DAY + 1), 48, WIDEST_LAG_HOURS)
LAG_COLUMNS = tuple(f"lag_{k}" for k in LAGS)
SAME_HOUR_COLUMNS = tuple(f"same_hour_mean_{ahead}" for ahead in range(1, DAY + 1))
ROLLING_COLUMNS = ("mean_6h", "std_6h", "mean_24h", "std_24h", "mean_168h", "std_168h")
NETWORK_COLUMNS = ("network_mean", "network_lag_1", "network_lag_24")
CALENDAR_COLUMNS = ("hour_of_day", "day_of_week", "day_of_year")
NUMBERS = (
    "value",
    "n",
    *LAG_COLUMNS,
    *ROLLING_COLUMNS,
    *SAME_HOUR_COLUMNS,
    *NETWORK_COLUMNS,
    *CALENDAR_COLUMNS,
    "hours_seen_168h",
)
"""Numeric columns of a feature row, all DOUBLE: `value` is the hour's mean, `lag_k` the mean exactly k hours earlier,
`same_hour_mean_k` the mean over 7 days at the hour of day that lies k hours ahead, `network_mean` the mean over
devices, `hours_seen_168h` how many of the newest 168 hours have a value. Null where nothing is known."""
COLUMNS = (*KEYS, *NUMBERS)

_HOUR_US = 3_600_000_000


def build(hourly: "pl.DataFrame") -> "pl.DataFrame":
    """Feature rows of every hour in `hourly`.

    Args:
        hourly: device_id, metric, window_start (naive UTC, microseconds, whole hours), mean, n; one row per device,
            metric and hour, in any order. Rows without a finite mean count as missing.

    Returns:
        COLUMNS, sorted by metric, device_id, window_start. Rows whose 168 hours of history are not in `hourly` see a
        shorter past; a caller that builds a part of the history passes that much more and drops it.

    Raises:
        ValueError: two rows share device, metric and hour, or an hour is not whole.
    """
    import polars as pl

    seen = _checked(hourly)
    grid = _dense_grid(seen)
    lags = [pl.col("value").shift(k).alias(f"lag_{k}") for k in LAGS]
    day = ["value", *(f"lag_{k}" for k in range(1, DAY))]
    wide = (
        grid.with_columns(*lags, _same_hour())
        .with_columns(*_level("6h", day[:6]), *_level("24h", day), *_same_hour_means())
        .with_columns(_spread("6h", day[:6]), _spread("24h", day))
        .pipe(_week)
        .filter(pl.col("value").is_not_null())
        .join(_network(seen), on=["metric", "hour"], how="left", maintain_order="left")
    )
    time = pl.col("window_start")
    return wide.with_columns(
        time.dt.hour().alias("hour_of_day"),
        time.dt.weekday().alias("day_of_week"),
        time.dt.ordinal_day().alias("day_of_year"),
    ).select(*KEYS, *(pl.col(name).cast(pl.Float64) for name in NUMBERS))


def empty() -> "pl.DataFrame":
    """No feature rows."""
    import polars as pl

    kinds: dict[str, pl.DataType] = {"device_id": pl.String(), "metric": pl.String(), "window_start": pl.Datetime("us")}
    return pl.DataFrame(schema=kinds | dict.fromkeys(NUMBERS, pl.Float64()))


def _checked(hourly: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    seen = hourly.select(
        pl.col("device_id", "metric"),
        pl.col("window_start").cast(pl.Datetime("us")),
        pl.col("mean").cast(pl.Float64).alias("value"),
        pl.col("n").cast(pl.Float64),
    ).filter(pl.col("value").is_finite())
    seen = seen.with_columns(pl.col("window_start").to_physical().floordiv(_HOUR_US).alias("hour"))
    if seen.filter(pl.col("hour") * _HOUR_US != pl.col("window_start").to_physical()).height:
        raise ValueError("window_start is not a whole hour")
    if seen.select(pl.struct(KEYS).n_unique()).item() != seen.height:
        raise ValueError("two rows share device, metric and hour")
    return seen.sort("metric", "device_id", "hour")


def _dense_grid(seen: "pl.DataFrame") -> "pl.DataFrame":
    """Every hour of every series, gaps as nulls, each stretch led by 168 empty hours: shifts never reach a neighbour.

    A gap longer than the widest lag starts a new stretch, so one stray old reading does not cost years of empty rows.
    """
    import polars as pl

    series = ["metric", "device_id"]
    gap = pl.col("hour").diff().over(series).fill_null(0) > WIDEST_LAG_HOURS
    spans = (
        seen.with_columns(gap.cum_sum().over(series).alias("stretch"))
        .group_by(*series, "stretch", maintain_order=True)
        .agg(pl.int_range(pl.col("hour").min() - WIDEST_LAG_HOURS, pl.col("hour").max() + 1).alias("hour"))
        .explode("hour", empty_as_null=True, keep_nulls=True)
    )
    return spans.drop("stretch").join(seen, on=[*series, "hour"], how="left", maintain_order="left")


def _level(name: str, columns: list[str]) -> "list[pl.Expr]":
    import polars as pl

    seen = [pl.col(column) for column in columns]
    return [_mean(seen).alias(f"mean_{name}"), _count(seen).alias(f"count_{name}")]


def _spread(name: str, columns: list[str]) -> "pl.Expr":
    """Standard deviation (population) around the mean already there: two passes are stable at any level."""
    import polars as pl

    squares = [((pl.col(column) - pl.col(f"mean_{name}")) ** 2).fill_null(0.0) for column in columns]
    count = pl.col(f"count_{name}")
    return pl.when(count > 0).then((_sum(squares) / count).sqrt()).alias(f"std_{name}")


def _week(grid: "pl.DataFrame") -> "pl.DataFrame":
    """Mean and standard deviation over 168 hours, pooled exactly from the seven days before."""
    import polars as pl

    days = range(7)
    daily = [
        pl.col(f"{what}_24h").shift(DAY * day).fill_null(0.0).alias(f"{what}_{day}")
        for day in days
        for what in ("count", "mean", "std")
    ]
    count, mean, std = ([pl.col(f"{what}_{day}") for day in days] for what in ("count", "mean", "std"))
    total, week = pl.col("hours_seen_168h"), pl.col("mean_168h")
    spread = [n * (s**2 + (m - week) ** 2) for n, m, s in zip(count, mean, std, strict=True)]
    return (
        grid.with_columns(daily)
        .with_columns(_sum(count).alias("hours_seen_168h"))
        .with_columns((_sum([n * m for n, m in zip(count, mean, strict=True)]) / total).alias("mean_168h"))
        .with_columns((_sum(spread) / total).sqrt().alias("std_168h"))
    )


def _same_hour() -> "pl.Expr":
    """Mean at this hour of day over this and the six days before."""
    import polars as pl

    return _mean([pl.col("value").shift(DAY * k) for k in range(7)]).alias("same_hour_mean")


def _sum(terms: "list[pl.Expr]") -> "pl.Expr":
    """Sum from left to right; `pl.sum_horizontal` adds in the order that its threads come, and rounds accordingly."""
    return functools.reduce(operator.add, terms)


def _count(seen: "list[pl.Expr]") -> "pl.Expr":
    import polars as pl

    return _sum([each.is_not_null().cast(pl.Float64) for each in seen])


def _mean(seen: "list[pl.Expr]") -> "pl.Expr":
    """Mean of those that are not null; null if none is."""
    import polars as pl

    count = _count(seen)
    return pl.when(count > 0).then(_sum([each.fill_null(0.0) for each in seen]) / count)


def _same_hour_means() -> "list[pl.Expr]":
    import polars as pl

    return [pl.col("same_hour_mean").shift(DAY - ahead).alias(f"same_hour_mean_{ahead}") for ahead in range(1, DAY + 1)]


def _network(seen: "pl.DataFrame") -> "pl.DataFrame":
    """Mean over the devices of each metric and hour, with its lags by exact hour."""
    import polars as pl

    mean = (
        seen.sort("metric", "hour", "device_id")
        .group_by("metric", "hour", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    mean = mean.rename({"value": "network_mean"})
    for lag in (1, DAY):
        earlier = mean.select("metric", pl.col("hour") + lag, pl.col("network_mean").alias(f"network_lag_{lag}"))
        mean = mean.join(earlier, on=["metric", "hour"], how="left", maintain_order="left")
    return mean
