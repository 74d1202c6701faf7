"""One dirty slot in a warehouse of 30 million rows, beside the same slot in an empty one.

Each round lands the same small segment into the same slot of both and builds it as the sensor would ask for it. dbt is
warm (imported and parsed), as start-up costs both the same. Prints one line of JSON: medians and ratios.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from warehouse_data import BenchSite, at, land  # type: ignore[import-not-found]

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build

FIRST = date(2026, 1, 1)
DEVICES, METRICS, CADENCE = 25, 4, 1.0


def dirty_slot(home: Home, name: str, day: date) -> tuple[float, float]:
    """Land ten minutes into one slot in the middle of `day` and build it: wall and processor seconds."""
    land(home, name, at(day, 12), 1 / 6, DEVICES, METRICS, CADENCE)
    used, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    report = build(home, BenchSite(), days=(day, day), position=1)
    wall, now = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    assert report.is_ok, report.failed
    assert report.models["readings_clean"].windows in {1, 2}
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--days", type=int, default=4, help="history of 8.64 million readings a day")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Home(Path(folder) / "empty"), Home(Path(folder) / "full")
        rows = 0
        for number in range(options.days):
            day = FIRST + timedelta(days=number)
            rows += land(full, f"day-{number}", at(day), 24, DEVICES, METRICS, CADENCE)
            build(full, BenchSite(), days=(day, day))
        middle = FIRST + timedelta(days=options.days // 2)
        for home in (empty, full):
            dirty_slot(home, "warm-up", middle)
        rounds = [
            (dirty_slot(empty, f"late-{number}", middle), dirty_slot(full, f"late-{number}", middle))
            for number in range(options.repeat)
        ]
    result = {
        "benchmark": "dbt_slot",
        "rows_in_full": rows,
        "readings_landed_each_time": 60_000,
        "repeats": options.repeat,
        "empty_seconds": round(statistics.median(a[0] for a, _ in rounds), 3),
        "full_seconds": round(statistics.median(b[0] for _, b in rounds), 3),
        "ratio": round(statistics.median(b[0] / a[0] for a, b in rounds), 2),
        "cpu_ratio": round(statistics.median(b[1] / a[1] for a, b in rounds), 2),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
