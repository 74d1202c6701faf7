"""Forecast errors, coverage and times on hours that training never saw, as JSON.

    python benchmarks/bench_predict.py [FILE] [--train-to 2015-03-01] [--metrics TEMP PM2.5] [--horizons 1 2 3 6 12 24]

FILE holds one row per series and hour (default: the demo's air data). The model learns from the hours before
--train-to (default: the first four fifths), with its backtest and calibration inside them, exactly as the platform
trains; every later hour is then forecast exactly as the platform scores, and compared with what came.
"""

import argparse
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from sensor_platform.home import Home
from sensor_platform.predict import features, registry, score
from sensor_platform.predict.baselines import LIGHTGBM, PERSISTENCE, SEASONAL_NAIVE, persistence, seasonal_naive
from sensor_platform.predict.config import ForecastConfig
from sensor_platform.predict.learn import Waiting, learn

_HOUR = timedelta(hours=1)
_DEFAULT = Path(__file__).parent.parent / "examples" / "demo" / "data" / "beijing_air.parquet"
_ERRORS = {"served": "value", LIGHTGBM: "lightgbm", PERSISTENCE: "persistence", SEASONAL_NAIVE: "seasonal"}


def main() -> None:
    options = _options()
    hours = _hours(options)
    began = time.perf_counter()
    built = features.build(hours)
    seconds = time.perf_counter() - began
    result = {
        "file": str(options.file.name),
        "seed": options.seed,
        "feature_rows": built.height,
        "features_seconds": round(seconds, 3),
        "metrics": {
            metric: _metric(built.filter(pl.col("metric") == metric), metric, options) for metric in options.metrics
        },
    }
    result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    json.dump(result, sys.stdout, indent=2)
    print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=_DEFAULT)
    parser.add_argument("--time", default="ts")
    parser.add_argument("--series", default="station")
    parser.add_argument("--metrics", nargs="+", default=["TEMP", "PM2.5"])
    parser.add_argument("--horizons", nargs="+", type=int, default=list(ForecastConfig().horizons))
    parser.add_argument("--train-to", type=datetime.fromisoformat)
    parser.add_argument("--backtest-hours", type=int, default=ForecastConfig().backtest_hours)
    parser.add_argument("--train-days", type=int, default=ForecastConfig().train_days)
    parser.add_argument("--seed", type=int, default=ForecastConfig().seed)
    parser.add_argument("--parallel-fits", type=int, default=ForecastConfig().parallel_fits)
    return parser.parse_args()


def _hours(options: argparse.Namespace) -> pl.DataFrame:
    table = pl.read_parquet(options.file)
    return (
        table.select(
            pl.col(options.series).cast(pl.String).alias("device_id"),
            pl.col(options.time).cast(pl.Datetime("us")).alias("window_start"),
            *(pl.col(metric).cast(pl.Float64) for metric in options.metrics),
        )
        .unpivot(index=["device_id", "window_start"], variable_name="metric", value_name="mean")
        .with_columns(n=pl.lit(1))
    )


def _metric(built: pl.DataFrame, metric: str, options: argparse.Namespace) -> dict[str, Any]:
    first, last = built["window_start"].min(), built["window_start"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    until = options.train_to or (first + (last - first) * 0.8).replace(minute=0, second=0, microsecond=0)
    config = ForecastConfig(
        metrics=(metric,),
        horizons=tuple(options.horizons),
        backtest_hours=options.backtest_hours,
        seed=options.seed,
        parallel_fits=options.parallel_fits,
    )
    known = built.filter(
        pl.col("window_start").is_between(until - timedelta(days=options.train_days), until, closed="left")
    )
    began = time.perf_counter()
    learned = learn(metric, known, config, until.replace(tzinfo=UTC))
    train_seconds = time.perf_counter() - began
    if isinstance(learned, Waiting):
        return {"waits": learned.reason}
    with TemporaryDirectory() as folder:
        registry.save(Home(Path(folder)), learned.card, learned.texts)
        model = registry.load(Home(Path(folder)), metric, learned.card.version)
        rows = built.filter(pl.col("window_start") >= until - _HOUR)
        began = time.perf_counter()
        forecast = score.predictions(rows, model, until.replace(tzinfo=UTC))
        score_seconds = time.perf_counter() - began
    judged = _judged(forecast, rows)
    return {
        "trained": _span(known["window_start"]),
        "tested": _span(judged["target_at"]),
        "examples": learned.card.examples,
        "train_seconds": round(train_seconds, 2),
        "score_seconds": round(score_seconds, 3),
        "scored_rows": forecast.height,
        "pooled": _errors(judged),
        "by_horizon": {
            each.horizon_hours: {
                "serves": each.served,
                **_errors(judged.filter(pl.col("horizon_hours") == each.horizon_hours)),
            }
            for each in learned.card.horizons
        },
    }


def _span(times: pl.Series) -> list[str]:
    return [str(times.dt.min()), str(times.dt.max())]


def _judged(forecast: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Forecasts with what came and what the baselines would have said; only where all of them exist."""
    actual = rows.select("device_id", pl.col("window_start").alias("target_at"), pl.col("value").alias("actual"))
    baselines = pl.concat(
        rows.select(
            "device_id",
            pl.col("window_start").alias("issued_at"),
            pl.lit(hours, pl.Int32).alias("horizon_hours"),
            persistence().alias("persistence"),
            seasonal_naive(hours).alias("seasonal"),
        )
        for hours in forecast["horizon_hours"].unique().sort()
    )
    return (
        forecast.join(actual, on=["device_id", "target_at"])
        .join(baselines, on=["device_id", "issued_at", "horizon_hours"])
        .drop_nulls("seasonal")
    )


def _errors(judged: pl.DataFrame) -> dict[str, float]:
    measured = judged.select(
        *(
            (pl.col(column) - pl.col("actual")).abs().mean().round(4).alias(f"mae_{name}")
            for name, column in _ERRORS.items()
        ),
        pl.col("actual").is_between("lower", "upper").mean().round(4).alias("coverage"),
    )
    return measured.to_dicts()[0]


if __name__ == "__main__":
    main()
