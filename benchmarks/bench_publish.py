"""What publishing one changed slot costs, with a short and with a long history published already.

Prints one line of JSON: medians of the publish after one dirty slot, of a publish with nothing to do, and their ratios.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from warehouse_data import BenchSite, at, land  # type: ignore[import-not-found]

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish

FIRST = date(2026, 1, 1)
DEVICES, METRICS, CADENCE = 10, 4, 10.0


def prepare(home: Home, days: int) -> int:
    """Land, build and publish a history; returns its readings."""
    readings = 0
    for number in range(days):
        readings += land(home, f"day-{number}", at(FIRST + timedelta(days=number)), 24, DEVICES, METRICS, CADENCE)
    assert build(home, BenchSite()).is_ok
    publish(home, BenchSite())
    return readings


def seconds_of_publish(home: Home) -> float:
    started = time.perf_counter()
    publish(home, BenchSite())
    return time.perf_counter() - started


def changed(home: Home, name: str) -> float:
    """Seconds to publish after one slot changed."""
    land(home, name, at(FIRST, 12), 1 / 6, DEVICES, METRICS, CADENCE)
    assert build(home, BenchSite(), days=(FIRST, FIRST), position=1).is_ok
    return seconds_of_publish(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--days", type=int, default=90)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        short, long = Home(Path(folder) / "short"), Home(Path(folder) / "long")
        readings = prepare(short, 1), prepare(long, options.days)
        rounds = [(changed(short, f"late-{n}"), changed(long, f"late-{n}")) for n in range(options.repeat)]
        idle = [(seconds_of_publish(short), seconds_of_publish(long)) for _ in range(options.repeat)]
    result = {
        "benchmark": "publish",
        "days": [1, options.days],
        "readings": readings,
        "repeats": options.repeat,
        "one_slot_seconds": [round(statistics.median(times), 3) for times in zip(*rounds, strict=True)],
        "one_slot_ratio": round(statistics.median(b / a for a, b in rounds), 2),
        "nothing_new_seconds": [round(statistics.median(times), 3) for times in zip(*idle, strict=True)],
        "nothing_new_ratio": round(statistics.median(b / a for a, b in idle), 2),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
