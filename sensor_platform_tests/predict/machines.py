"""Made-up machines with a known law, their labels, and a home that knows their hours."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from sensor_platform.home import Home
from sensor_platform.labels.label_store import Label
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.tables import writer

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 50 * 24
LEARNT = 44 * 24
DEVICES = 8
THEN = START + timedelta(hours=LEARNT)
NOW = START + timedelta(hours=HOURS)
FAILS = TaskConfig(name="pump", kind="failure", labels=("failure",), metrics=("vibration",), horizon_hours=24)
LIFE = TaskConfig(
    name="life", kind="remaining_life", labels=("failure",), metrics=("vibration",), most_hours=240, horizon_hours=24
)


@dataclass(frozen=True)
class SiteOfTest:
    supervised: tuple[TaskConfig, ...] = (FAILS, LIFE)
    start: date = date(2026, 1, 1)
    slot_minutes: int = 10
    catalog: Path | None = None
    warehouse: WarehouseConfig = field(default_factory=WarehouseConfig)
    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)
    forecast: ForecastConfig = field(default_factory=ForecastConfig)


SITE = SiteOfTest()


def micros(hour: int) -> int:
    return int((START + timedelta(hours=hour)).timestamp()) * 1_000_000


def label(device: str, hour: int, text: str = "failure", hours: int = 0) -> Label:
    return Label(f"{device}-{hour}", device, "", micros(hour), micros(hour + hours), text, "test", "", micros(hour))


def machines() -> tuple[pl.DataFrame, list[Label]]:
    """The law: vibration rises over the last 48 hours of a life of 5 to 10 days, whatever the machine's own level."""
    rng = np.random.default_rng(3)
    rows, labels = [], []
    for number in range(DEVICES):
        device, level = f"pump {number}", rng.uniform(1, 5)
        values = level + rng.normal(0, 0.1, HOURS)
        end = 0
        while True:
            end += int(rng.integers(5 * 24, 10 * 24))
            if end >= HOURS:
                break
            rise = np.arange(max(0, end - 48), end)
            values[rise] += (rise - end + 48) / 24
            labels.append(label(device, end))
        rows.append(pl.DataFrame({"device_id": [device] * HOURS, "hour": range(HOURS), "mean": values}))
    return pl.concat(rows), labels


def fill(
    home: Home,
    rows: pl.DataFrame,
    position: int = 1,
    site: SiteOfTest = SITE,
    metric: str = "vibration",
    start: datetime = START,
) -> None:
    """Make readings_1h of these hours, with their state, and the features that follow."""
    hours = rows.select(
        "device_id",
        pl.lit(metric).alias("metric"),
        (pl.lit(start.replace(tzinfo=None), pl.Datetime("us")) + pl.duration(hours="hour")).alias("window_start"),
        "mean",
    )
    with writer(home, site, "test") as warehouse:
        connection = warehouse.connection
        connection.execute(
            "create table if not exists readings_1h (device_id varchar, metric varchar, window_start timestamp,"
            " n bigint, sum double, min double, max double, mean double, stddev double, first double, last double,"
            " first_at timestamp, last_at timestamp, bad_n bigint)"
        )
        connection.register("given", hours.to_arrow())
        connection.execute(
            "delete from readings_1h where (device_id, metric, window_start) in"
            " (select (device_id, metric, window_start) from given)"
        )
        connection.execute("insert into readings_1h by name select * from given")
        connection.execute(
            "delete from state where model = 'readings_1h' and window_start in (select window_start from given)"
        )
        connection.execute(
            "insert into state by name select distinct 'readings_1h' as model, window_start, '' as generation,"
            " cast(? as bigint) as position from given",
            [position],
        )
        connection.unregister("given")
    build_features(home, site, position=position)


def scores(home: Home, table: str = "supervised_scores") -> pl.DataFrame:
    with writer(home, SITE, "test") as warehouse:
        rows: pl.DataFrame = warehouse.connection.sql(
            f"select * from {table} order by task, device_id, window_start"
        ).pl()
    return rows
