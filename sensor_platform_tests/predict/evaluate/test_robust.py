"""Files with faults are handled or refused with a clear message, never with a traceback or silently wrong results."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sensor_platform.cli.evaluate import evaluate
from sensor_platform.predict.anomaly import robust_statistics

START = datetime(2024, 1, 1)  # noqa: DTZ001 - naive on purpose, as files come


def times(count: int) -> list[datetime]:
    return [START + timedelta(hours=number) for number in range(count)]


def answer(folder: Path, frame: pl.DataFrame, *options: str, kind: str = "parquet") -> dict[str, Any]:
    file = folder / f"given.{kind}"
    frame.write_parquet(file) if kind == "parquet" else frame.write_csv(file)
    words = [str(file), "--time", "t", "--json", *options]
    done = CliRunner().invoke(evaluate, words, catch_exceptions=False)
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def wave(count: int, seed: int = 1) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    rng = np.random.default_rng(seed)
    return 10 + 3 * np.sin(np.arange(count) / 24 * 2 * np.pi) + rng.normal(0, 0.2, count)


def served(found: dict[str, Any], target: int = 0) -> float:
    error = found["forecast"][target]["rows"][-1]["mae_served"]
    assert isinstance(error, float)
    return error


def test_naive_and_aware_times_and_text_mean_the_same(tmp_path: Path) -> None:
    values, options = wave(300), ("--target", "y", "--horizon", "2", "--test-from", "2024-01-11")
    plain = pl.DataFrame({"t": times(300), "y": values})
    aware = plain.with_columns(pl.col("t").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Shanghai"))
    text = plain.with_columns(pl.col("t").dt.strftime("%Y-%m-%d %H:%M:%S"))
    epoch = plain.with_columns(pl.col("t").dt.epoch("s"))
    errors = [served(answer(tmp_path, frame, *options)) for frame in (plain, aware, text, epoch)]
    assert errors == [errors[0]] * 4
    assert served(answer(tmp_path, text, *options, kind="csv")) == pytest.approx(errors[0], rel=1e-9)


def test_a_thousand_short_series_and_one_are_forecast_alike(tmp_path: Path) -> None:
    """A thousand series of 30 hours: no backtest of trees, but every one of them is served."""
    names = [f"s{number:04}" for number in range(1000)]
    frame = pl.DataFrame(
        {
            "t": times(30) * 1000,
            "s": np.repeat(names, 30),
            "y": np.concatenate([np.cumsum(np.random.default_rng(n).normal(0, 1, 30)) for n in range(1000)]),
        }
    )
    found = answer(tmp_path, frame, "--series", "s", "--target", "y", "--horizon", "2", "--test-from", "2024-01-02")
    assert found["series"] == 1000
    whole = found["forecast"][0]["rows"][-1]
    assert whole["mae_served"] <= 1.05 * whole["mae"]["persistence"]
    one = frame.filter(pl.col("s") == "s0000").drop("s")
    alone = answer(tmp_path, one, "--target", "y", "--horizon", "2", "--test-from", "2024-01-02")
    assert (alone["series"], alone["forecast"][0]["status"]) == (1, "forecast")


@pytest.mark.parametrize("spoil", ["gaps", "duplicates", "disorder", "infinite", "constant half"])
def test_a_spoilt_series_is_still_forecast_near_its_noise(tmp_path: Path, spoil: str) -> None:
    frame = pl.DataFrame({"t": times(800), "y": wave(800)})
    if spoil == "gaps":
        keep = np.random.default_rng(2).random(800) > 0.2
        frame = frame.filter(pl.Series(keep))
    elif spoil == "duplicates":
        frame = pl.concat([frame, frame[100:300]])
    elif spoil == "disorder":
        frame = frame.sample(fraction=1.0, shuffle=True, seed=3)
    elif spoil == "infinite":
        frame = frame.with_columns(y=pl.when(pl.int_range(pl.len()) % 50 == 0).then(float("inf")).otherwise("y"))
    else:
        frame = frame.with_columns(y=pl.when(pl.int_range(pl.len()) < 400).then(10.0).otherwise("y"))
    found = answer(tmp_path, frame, "--target", "y", "--horizon", "2", "--test-from", "2024-01-29")
    assert served(found) < 0.6
    assert np.isfinite(found["forecast"][0]["rows"][-1]["width"])


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 40), st.integers(1, 4)),
        elements=st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))),
    )
)
def test_the_median_of_columns_with_holes_is_numpys(values: "np.ndarray[Any, np.dtype[np.float64]]") -> None:
    count = np.isfinite(values).sum(axis=0)
    found = robust_statistics.column_medians(values, count)
    for column in np.flatnonzero(count):
        assert found[column] == np.median(values[np.isfinite(values[:, column]), column])
