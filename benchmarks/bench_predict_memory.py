"""Peak memory of a whole history's forecasts: of a small one, four times its range, and four times its fleet.

Features, one training, and every forecast in one go, as a backfill makes them. Each size in a process of its own, in
which DuckDB may hold 1 GB. Prints one line of JSON.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import train
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.tables import writer

START = datetime(2025, 1, 1, tzinfo=UTC)
LEARNT_DAYS = 30
"""The model is of the first days; the hours after them are forecast."""


@dataclass(frozen=True)
class Site:
    """What the rooms ask of a site."""

    start: date = field(default_factory=START.date)
    slot_minutes: int = 10
    catalog: Path | None = None
    warehouse: WarehouseConfig = field(default_factory=lambda: WarehouseConfig(memory_limit="1GB"))
    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)
    supervised: tuple[TaskConfig, ...] = ()
    forecast: ForecastConfig = field(default_factory=lambda: ForecastConfig(metrics=("temp",)))


def fill(home: Home, site: Site, devices: int, days: int) -> None:
    """Hourly values of a daily wave with noise, as a build of the tables would have left them."""
    with writer(home, site, "bench") as warehouse:
        warehouse.connection.execute(
            "create table readings_1h as select 'device-' || d as device_id, 'temp' as metric,"
            " timestamp '2025-01-01' + to_hours(cast(h as integer)) as window_start, 6 as n, 6.0 * v as sum, v as min,"
            " v as max, v as mean, 0.0 as stddev, v as first, v as last, window_start as first_at,"
            " window_start as last_at, 0 as bad_n from (select d, h, 10 + d % 7 + 5 * sin(2 * pi() * h / 24) + random()"
            " as v from range(?) a(d), range(?) b(h)) order by window_start, device_id",
            [devices, days * 24],
        )
        warehouse.connection.execute(
            "insert into state by name select distinct 'readings_1h' as model, window_start, '' as generation,"
            " 1::bigint as position from readings_1h"
        )


def one(devices: int, days: int) -> dict[str, float]:
    """Build, learn and forecast; sizes, seconds and the peak of this process."""
    site, spent = Site(), {}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        fill(home, site, devices, days)
        began = time.process_time()
        built = build_features(home, site)
        spent["features"] = time.process_time() - began
        began = time.process_time()
        assert train(home, site, START + timedelta(days=LEARNT_DAYS)).promoted == 1
        spent["training"] = time.process_time() - began
        began = time.process_time()
        scored = score(home, site, now=START + timedelta(days=days))
        spent["forecasts"] = time.process_time() - began
    return {
        "devices": devices,
        "days": days,
        "feature_rows": built.rows,
        "forecasts": scored.rows,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        // (1 if sys.platform == "darwin" else 1024),
        **{f"cpu_seconds_{name}": round(seconds, 1) for name, seconds in spent.items()},
    }


def main() -> None:
    """Three sizes, and how the peaks compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--one", action="store_true", help="only this size, in this process")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.devices, asked.days)))
        return
    found = {}
    sizes = {"small": (1, 1), "four times the range": (1, 4), "four times the fleet": (4, 1)}
    for name, (fleet, span) in sizes.items():
        size = [f"--devices={asked.devices * fleet}", f"--days={asked.days * span}"]
        done = subprocess.run([sys.executable, __file__, "--one", *size], check=True, capture_output=True, text=True)
        found[name] = json.loads(done.stdout)
    small = found["small"]["peak_megabytes"]
    ratios = {f"peak of {name}": round(each["peak_megabytes"] / small, 2) for name, each in found.items()}
    print(json.dumps({"sizes": found, **ratios}))


if __name__ == "__main__":
    main()
