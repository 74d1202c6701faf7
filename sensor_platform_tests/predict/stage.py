"""A home whose hourly table a test fills by hand, and series to fill it with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor_platform.home import Home
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.tables import writer

Make = Callable[..., pl.DataFrame]
Values = Sequence[float] | npt.NDArray[np.float64]
START = datetime(2026, 1, 1, tzinfo=UTC)
HISTORY = 30 * 24
NOW = START + timedelta(hours=HISTORY, minutes=5)


@dataclass(frozen=True)
class SiteOfTest:
    """A site with one forecast metric."""

    start: date = date(2026, 1, 1)
    slot_minutes: int = 10
    catalog: Path | None = None
    warehouse: WarehouseConfig = field(default_factory=WarehouseConfig)
    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)
    supervised: tuple[TaskConfig, ...] = ()
    forecast: ForecastConfig = field(
        default_factory=lambda: ForecastConfig(metrics=("temp",), horizons=(1, 24), backtest_hours=120)
    )


@dataclass(frozen=True)
class Stage:
    """A home whose readings_1h a test fills by hand."""

    home: Home
    site: SiteOfTest

    def write(self, hours: pl.DataFrame, position: int) -> None:
        """Replace the hours of these rows and record them in the state, as a build does."""
        with writer(self.home, self.site, "test") as warehouse:
            connection = warehouse.connection
            connection.execute(
                "create table if not exists readings_1h (device_id varchar, metric varchar, window_start timestamp,"
                " n bigint, sum double, min double, max double, mean double, stddev double, first double, last double,"
                " first_at timestamp, last_at timestamp, bad_n bigint)"
            )
            connection.register("given", hours.to_arrow())
            connection.execute("delete from readings_1h where window_start in (select window_start from given)")
            connection.execute("insert into readings_1h by name select * from given where mean is not null")
            connection.execute(
                "delete from state where model = 'readings_1h' and window_start in (select window_start from given)"
            )
            connection.execute(
                "insert into state by name select distinct 'readings_1h' as model, window_start, '' as generation,"
                " cast(? as bigint) as position from given",
                [position],
            )
            connection.unregister("given")

    def table(self, name: str) -> pl.DataFrame:
        """All rows of a table of the warehouse, sorted."""
        with writer(self.home, self.site, "test") as warehouse:
            rows: pl.DataFrame = warehouse.connection.sql(f"select * from {name} order by all").pl()
        return rows


def hourly(values: Mapping[str, Values], metric: str = "m") -> pl.DataFrame:
    """Hourly means: one series per device, consecutive hours from START; NaN is a gap."""
    first = START.replace(tzinfo=None)
    frames = [
        pl.DataFrame({"mean": np.asarray(series, dtype=np.float64)}).select(
            pl.lit(device).alias("device_id"),
            pl.lit(metric).alias("metric"),
            (pl.lit(first, pl.Datetime("us")) + pl.duration(hours=pl.int_range(pl.len()))).alias("window_start"),
            "mean",
            pl.lit(60).alias("n"),
        )
        for device, series in values.items()
    ]
    return pl.concat(frames).filter(pl.col("mean").is_not_nan())


def wave(seed: int, hours: int = HISTORY) -> npt.NDArray[np.float64]:
    """A daily wave with noise."""
    rng = np.random.default_rng(seed)
    return 15 + 5 * np.sin(2 * np.pi * np.arange(hours) / 24) + rng.normal(0, 0.5, hours)


def history(make_hourly: Make, hours: int = HISTORY, metric: str = "temp") -> pl.DataFrame:
    """Hours of two devices."""
    rows: pl.DataFrame = make_hourly({"a": wave(1, hours), "b": wave(2, hours)}, metric)
    return rows.with_columns(pl.col("n").cast(pl.Int64))


def after(rows: pl.DataFrame, hours: int) -> pl.DataFrame:
    """Rows from so many hours after START on."""
    return rows.filter(pl.col("window_start") >= (START + timedelta(hours=hours)).replace(tzinfo=None))
