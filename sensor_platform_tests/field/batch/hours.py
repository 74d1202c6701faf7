"""Hourly means written straight into a warehouse, for what is learnt from them; no dbt runs."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from sensor_platform.home import Home
from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.forecast import train as training
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.reports import TrainReport
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.predict.machines import SITE, SiteOfTest, fill

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def site_of(metric: str) -> SiteOfTest:
    """A site that forecasts and watches one metric."""
    forecast = ForecastConfig(metrics=(metric,), horizons=(1, 6))
    return replace(SITE, supervised=(), forecast=forecast, anomaly=AnomalyConfig(metrics=(metric,)))


def write_hours(home: Home, metric: str, values: Mapping[str, Sequence[float]]) -> SiteOfTest:
    """Hours of some devices from MONDAY on, and the features that follow; returns their site."""
    site = site_of(metric)
    frames = [
        pl.DataFrame({"device_id": [device] * len(own), "hour": range(len(own)), "mean": [float(v) for v in own]})
        for device, own in values.items()
    ]
    fill(home, pl.concat(frames), site=site, metric=metric, start=MONDAY)
    return site


def train(home: Home, site: SiteOfTest, hours: int) -> TrainReport:
    """Train as of the end of the hours that were written."""
    return training.train(home, site, MONDAY + timedelta(hours=hours, minutes=5))


def predict(home: Home, site: SiteOfTest, hours: int) -> list[dict[str, Any]]:
    """Forecasts of the newest hours."""
    score(home, site, position=1, now=MONDAY + timedelta(hours=hours, minutes=5))
    return _table(home, site, "predictions")


def watch(home: Home, site: SiteOfTest) -> list[dict[str, Any]]:
    """Anomaly scores of every hour."""
    build_anomalies(home, site, position=1, now=datetime.now(UTC))
    return _table(home, site, "anomalies")


def _table(home: Home, site: SiteOfTest, name: str) -> list[dict[str, Any]]:
    with writer(home, site, "test") as warehouse:
        rows: list[dict[str, Any]] = warehouse.connection.sql(f"select * from {name}").pl().to_dicts()
    return rows


def daily_wave(hours: int, seed: int) -> list[float]:
    """A room's temperature with noise."""
    rng = random.Random(seed)
    return [21 + 2 * math.sin(hour / 24 * 2 * math.pi) + rng.gauss(0, 0.2) for hour in range(hours)]
