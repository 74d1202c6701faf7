"""Made-up series with known laws, for the predict room."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import Source
from sensor_platform.predict.forecast.selection.learn import Learned, learn

Values = Sequence[float] | npt.NDArray[np.float64]
Make = Callable[..., pl.DataFrame]
START = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC, as in the tables
HORIZONS = (1, 6, 24)


def hourly(values: Mapping[str, Values], metric: str = "m") -> pl.DataFrame:
    frames = [
        pl.DataFrame({"mean": np.asarray(series, dtype=np.float64)}).select(
            pl.lit(device).alias("device_id"),
            pl.lit(metric).alias("metric"),
            (pl.lit(START, pl.Datetime("us")) + pl.duration(hours=pl.int_range(pl.len()))).alias("window_start"),
            "mean",
            pl.lit(60).alias("n"),
        )
        for device, series in values.items()
    ]
    return pl.concat(frames).filter(pl.col("mean").is_not_nan())


@pytest.fixture(scope="session")
def make_hourly() -> Make:
    """Hourly means: one series per device, consecutive hours from 2026-01-01; NaN is a gap."""
    return hourly


@pytest.fixture(scope="session")
def seasonal_noise() -> Source:
    """Daily sine of amplitude 10 with Gaussian noise of sigma 1, 4 devices, 60 days."""
    rng = np.random.default_rng(1)
    hours = np.arange(60 * 24)
    wave = 10 * np.sin(2 * np.pi * hours / 24)
    rows = hourly({f"d{i}": 20 + 5 * i + wave + rng.normal(0, 1, len(hours)) for i in range(4)})
    return Source(features.build(rows))


@pytest.fixture(scope="session")
def of_season(seasonal_noise: Source) -> Learned:
    """What is learnt from `seasonal_noise`."""
    found = learn(seasonal_noise, HORIZONS, 14 * 24, seed=7)
    assert found is not None
    return found
