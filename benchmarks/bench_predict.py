"""Time of features and of a forecast for 1,000 series of 10,000 hours, as JSON; with mlforecast's where it is given.

    python benchmarks/bench_predict.py [--series 1000] [--hours 10000] [--mlforecast PYTHON | --no-mlforecast]

mlforecast makes the same lags and rolling means of the same series in the same run, in an environment of its own: the
one of PYTHON, else one that is made for this run and thrown away. Where it cannot be installed, that part says so.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import PanelSource, examples_at
from sensor_platform.predict.forecast.selection.adjust import apply_rules
from sensor_platform.predict.forecast.selection.learn import learn

_THEIRS = """
import json, sys, time
import polars as pl
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd
frame = pl.read_parquet(sys.argv[1])
windows = [each for w in (6, 24, 168) for each in (RollingMean(w, min_samples=1), RollingStd(w, min_samples=2))]
made = MLForecast(models=[], freq="1h", lags=[*range(1, 25), 48, 168], lag_transforms={1: windows}, num_threads=2)
best = 1e9
for _ in range(2):
    began = time.perf_counter()
    made.preprocess(frame, static_features=[], dropna=False)
    best = min(best, time.perf_counter() - began)
print(json.dumps(best))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=10_000)
    parser.add_argument("--mlforecast", type=Path)
    parser.add_argument("--no-mlforecast", action="store_true")
    options = parser.parse_args()
    hours = made_up(options.series, options.hours)
    result = measured(hours)
    if not options.no_mlforecast:
        result |= compared(hours, result["features_seconds"], options.mlforecast)
    print(json.dumps({"series": options.series, "hours": options.hours, **result}))


def compared(hours: pl.DataFrame, own: float, python: Path | None) -> dict[str, Any]:
    if python is not None:
        return theirs(hours, own, python)
    with TemporaryDirectory() as folder:
        made = Path(folder) / "bin" / "python"
        steps = (
            [sys.executable, "-m", "venv", folder],
            [str(made), "-m", "pip", "install", "-q", "mlforecast", "polars"],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode:
                return {"mlforecast": f"skipped: {(done.stderr.strip().splitlines() or ['not installable'])[-1]}"}
        return theirs(hours, own, made)


def made_up(series: int, hours: int) -> pl.DataFrame:
    """Daily waves with noise: device_id, window_start, mean."""
    rng = np.random.default_rng(7)
    wave = np.sin(2 * np.pi * np.arange(hours) / 24)
    values = rng.normal(0, 0.3, (series, hours)) + wave * rng.uniform(0.5, 2, (series, 1))
    return pl.DataFrame(
        {
            "device_id": np.repeat([f"d{number:05}" for number in range(series)], hours),
            "window_start": np.tile(np.arange(hours) * 3_600_000_000, series),
            "mean": values.ravel(),
        }
    ).with_columns(pl.col("window_start").cast(pl.Datetime("us")))


def measured(hours: pl.DataFrame) -> dict[str, Any]:
    seconds, panel = best_of(3, lambda: features.build(hours))
    small = PanelSource(features.build(hours.filter(pl.col("device_id") < "d00020")))
    learned = learn(small, tuple(range(1, 25)), 24 * 30, 7)
    assert learned is not None
    source = PanelSource(panel)
    newest = panel.rows[panel.step[panel.rows] == panel.step.max()]

    def predict() -> None:
        for horizon in range(1, 25):
            rows = examples_at(source, newest, horizon)
            apply_rules(learned.rules, rows, learned.forecaster.forecast(rows))

    predicting, _ = best_of(3, predict)
    return {
        "features_seconds": round(seconds, 3),
        "predict_24h_seconds": round(predicting, 3),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def theirs(hours: pl.DataFrame, own: float, python: Path) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "series.parquet"
        hours.rename({"device_id": "unique_id", "window_start": "ds", "mean": "y"}).write_parquet(file)
        done = subprocess.run([str(python), "-c", _THEIRS, str(file)], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"mlforecast": f"skipped: {done.stderr.strip().splitlines()[-1]}"}
    seconds = float(done.stdout)
    return {"mlforecast_seconds": round(seconds, 3), "ours_to_theirs": round(own / seconds, 3)}


def best_of(times: int, what: Callable[[], Any]) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(times):
        result = None  # the one before must not count as this one's memory
        began = time.perf_counter()
        result = what()
        best = min(best, time.perf_counter() - began)
    return best, result


if __name__ == "__main__":
    main()
