"""Forecasts of a year that training never saw, by every candidate and as served: one JSON line per metric and seed.

Each line is made by a process of its own, so that CPU and peak memory are of it alone. Then one line per metric for
what a training costs as a site does it by default: its six horizons, the other metrics as inputs.

    python benchmarks/bench_ml.py [FOLDER] [--quick] [--metrics TEMP PM2.5] [--test-from 2015-03-01]

FOLDER holds `beijing_air_to_2016-02.parquet` (12 stations, 2013-03 .. 2016-02); without it the demo's excerpt is used
and its last fifth is the test. All before --test-from is learnt from, the backtest inside it; the rest is judged as
`sensor-platform evaluate` does. --quick takes one seed, else three.
"""

import argparse
import itertools
import json
import multiprocessing
import resource
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from sensor_platform.predict.evaluate.forecast_evaluation import (
    HorizonErrors,
    TargetReport,
    best_baseline,
    evaluate_forecasts,
    panels_of,
)
from sensor_platform.predict.evaluate.read_series import EvaluationRequest, read_series
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.selection.learn import learn

_FULL = "beijing_air_to_2016-02.parquet"
_EXCERPT = Path(__file__).parent.parent / "examples" / "demo" / "data" / "beijing_air.parquet"
_TARGETS = {"TEMP": 1.90, "PM2.5": 36.5}
"""Mean absolute error over 1 to 24 h on the full set."""
SEEDS = (7, 8, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--metrics", nargs="+", default=["TEMP", "PM2.5"])
    parser.add_argument("--test-from", default="2015-03-01")
    options = parser.parse_args()
    full = options.folder / _FULL if options.folder else None
    file = full if full is not None and full.is_file() else _EXCERPT
    start = options.test_from if file == full else _last_fifth(file)
    seeds = SEEDS[:1] if options.quick else SEEDS
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as alone:
        for seed, metric in itertools.product(seeds, options.metrics):
            print(json.dumps(alone.apply(_measured, (file, metric, start, seed, file == full))), flush=True)
        for metric in options.metrics:
            print(json.dumps(alone.apply(_trained, (file, metric, start))), flush=True)


def _last_fifth(file: Path) -> str:
    times = pl.read_parquet(file, columns=["ts"])["ts"]
    first, last = times.min(), times.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return str((first + (last - first) * 0.8).replace(minute=0, second=0, microsecond=0))


def _trained(file: Path, metric: str, start: str) -> dict[str, Any]:
    """The cost of one training."""
    table, config = read_series(EvaluationRequest(file, "ts", "station", (metric,), 24, start)), ForecastConfig()
    panels = panels_of(table, table.test_from)
    source = PanelSource(panels.pop(metric), panels)
    began, busy = time.perf_counter(), time.process_time()
    learned = learn(source, config.horizons, config.backtest_hours, config.seed, config.parallel_fits)
    assert learned is not None
    return {
        "training_of": metric,
        "horizons": list(config.horizons),
        "inputs_of_other_metrics": len(panels),
        "train_seconds": round(time.perf_counter() - began, 1),
        "train_cpu_seconds": round(time.process_time() - busy, 1),
        "target_cpu_seconds": 20,
        **_peak(),
    }


def _peak() -> dict[str, int]:
    return {"peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _measured(file: Path, metric: str, start: str, seed: int, is_full: bool) -> dict[str, Any]:  # noqa: FBT001
    began, busy = time.perf_counter(), time.process_time()
    table = read_series(EvaluationRequest(file, "ts", "station", (metric,), 24, start))
    config = msgspec.structs.replace(ForecastConfig(), seed=seed)
    (report,) = evaluate_forecasts(table, config, lambda text: print(text, file=sys.stderr))
    return {
        "file": file.name,
        "metric": metric,
        "seed": seed,
        "test_from": start,
        **_summary(report),
        "target_mae": _TARGETS.get(metric) if is_full else None,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - busy, 1),
        **_peak(),
    }


def _summary(report: TargetReport) -> dict[str, Any]:
    whole = report.rows[-1]
    worse = [row.horizons for row in report.by_horizon if row.mae_served > best_baseline(row)[1] * 1.01]
    return {
        "tested": report.tested_rows,
        "recipe": report.recipe,
        "mae": {name: round(error, 4) for name, error in whole.mae.items()},
        "mae_served": round(whole.mae_served, 4),
        "mae_by_horizon": {row.horizons: _rounded(row) for row in report.by_horizon},
        "served": {row.horizons: {name: round(share, 3) for name, share in row.served.items()} for row in report.rows},
        "coverage": round(whole.coverage, 4),
        "coverage_by_bucket": {row.horizons: round(row.coverage, 4) for row in report.rows[:-1]},
        "horizons_worse_than_best_baseline_by_1_percent": worse,
    }


def _rounded(row: HorizonErrors) -> dict[str, float]:
    return {name: round(error, 4) for name, error in {**row.mae, "served": row.mae_served}.items()}


if __name__ == "__main__":
    main()
