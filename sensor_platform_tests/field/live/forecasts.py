"""A home with hourly means of made-up machines, its forecasts, and what is recorded of them. Times are hours."""

import math
import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast import monitor
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster, learn
from sensor_platform.predict.forecast.train import train
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.field.live.base import need, site_files
from sensor_platform_tests.field.live.rig import settings_of
from sensor_platform_tests.predict.machines import fill
from sensor_platform_tests.predict.stage import hourly, wave

START = datetime(2026, 1, 1, tzinfo=UTC)
DEVICES = ("m0", "m1")
LEARNT = 20 * 24
"""Hours that the first model learns from."""


class ForecastHome:
    """Tables of hours that a test fills, with all that the product makes of them."""

    def __init__(self, folder: Path, position: int = 0) -> None:
        forecast = {"metrics": ["load"], "horizons": [3], "backtest_hours": 120}
        site = {"forecast": forecast, "start": "2026-01-01", "warehouse": {"threads": 1}}
        settings = settings_of(site_files(folder, {}, site))
        self.home: Any = settings.home
        self.site: Any = settings.site
        self.folder = folder
        self._position = position
        self._random = random.Random(1)

    def copy(self, folder: Path) -> "ForecastHome":
        """The same home and site elsewhere."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return ForecastHome(folder, self._position)

    def fill(self, hours: Sequence[int], shift: float = 0.0, devices: Sequence[str] = DEVICES) -> None:
        """Means of these hours, as a build leaves them; again for hours whose readings came late."""
        rows = [
            (device, hour, 100 + 20 * math.sin(math.tau * hour / 24) + shift + self._random.gauss(0, 1))
            for device in devices
            for hour in hours
        ]
        self._position += 1
        frame = pl.DataFrame(rows, schema=["device_id", "hour", "mean"], orient="row")
        fill(self.home, frame, self._position, self.site, "load", START)

    def train(self, at: float) -> None:
        report = train(self.home, self.site, moment(at))
        need(report.promoted == 1, f"a first model is promoted: {report}")

    def score(self, at: float) -> None:
        score(self.home, self.site, now=moment(at))

    def watch(self, at: float) -> Any:
        """What the watch sees of the metric's forecasts."""
        (health,) = monitor.monitor_forecasts(self.home, self.site, moment(at))
        return health

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Of the warehouse; `hour` is the number of hours since the start."""
        with writer(self.home, self.site, "test") as warehouse:
            return warehouse.connection.execute(sql).fetchall()

    def published(self, sql: str) -> list[tuple[Any, ...]]:
        """Of the published tables."""
        publish(self.home, self.site)
        with duckdb.connect(str(self.home.analytics_file), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def moment(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def plain(hour: float) -> str:
    """As the tables have it."""
    return moment(hour).replace(tzinfo=None).isoformat(" ")


def learned_from_waves(horizons: tuple[int, ...]) -> tuple[PanelSource, LearnedForecaster]:
    """Two devices with a daily wave, and what is learnt from them."""
    source = PanelSource(features.build(hourly({"a": wave(1), "b": wave(2)})))
    found = learn(source, horizons, 10 * 24, seed=7)
    if found is None:
        raise ValueError("there is not enough to learn from")
    return source, found
