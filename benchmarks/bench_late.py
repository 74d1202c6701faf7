"""What one late reading costs, with a year of history and with a week of it; and the runs that thirty late days take.

Each round lands one reading into the same day of both histories, looks as the sensor does, and builds and publishes
what it found. Both in one process, dbt warm, and found clean before as a sensor does. Prints one line of JSON.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from warehouse_data import BenchSite, at, land  # type: ignore[import-not-found]

from sensor_platform.home import Home
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun, Rules, decide
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import DirtyDay, dirty_days
from sensor_platform.warehouse.lineage import dbt_models, models
from sensor_platform.warehouse.publish import publish

LAST = date(2026, 1, 1)
DEVICES, METRICS, CADENCE = 5, 4, 300.0
SITE = BenchSite()
NAMES = [*dbt_models(), *(name for name in models() if name.startswith("published.readings"))]
STEPS = ("look", "build", "publish")


def history(home: Home, days: int) -> int:
    """A home with so many days of history that end on `LAST`, built and published; returns its readings."""
    first = LAST - timedelta(days=days - 1)
    rows = int(land(home, "history", at(first), 24 * days, DEVICES, METRICS, CADENCE))
    assert build(home, SITE).is_ok
    publish(home, SITE)
    assert dirty_days(home, SITE, NAMES) == ()
    return rows


def late(home: Home, name: str) -> dict[str, tuple[float, float]]:
    """Land one reading into the day before the last: wall and processor seconds of each step."""
    day = LAST - timedelta(days=1)
    land(home, name, at(day, 12), 1 / 3600, 1, 1, 1.0)
    spent = {}
    for step in STEPS:
        used, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        if step == "look":
            found = dirty_days(home, SITE, NAMES)
            assert [one.day for one in found] == [day], found
        elif step == "build":
            report = build(home, SITE, days=(day, day), position=found[0].position)
            assert report.is_ok, report.failed
            assert report.models["readings_clean"].windows == 2
        else:
            publish(home, SITE)
            assert dirty_days(home, SITE, NAMES) == ()
        wall, now = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
        spent[step] = (wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
    return spent


def runs_of(days: Sequence[date]) -> int:
    """Runs that the sensor asks for until these late days are clean."""
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    left = [DirtyDay(day, 7, 1, ("readings_clean",)) for day in days]
    runs: list[PastRun] = []
    while left:
        for ask in decide(left, runs, now, Rules(retry_after=timedelta(minutes=5))):
            runs.append(PastRun(f"{len(runs)}", Lane.HISTORY, ask.first, ask.last, 7, Outcome.DONE, now))
            left = [one for one in left if not ask.first <= one.day <= ask.last]
    return len(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        week, year = Home(Path(folder) / "week"), Home(Path(folder) / "year")
        rows = history(week, 7), history(year, options.days)
        for home in (week, year):
            late(home, "warm-up")
        rounds = [(late(week, f"late-{n}"), late(year, f"late-{n}")) for n in range(options.repeat)]
    cost = [[sum(part[0] for part in one.values()) for one in pair] for pair in rounds]
    cpu = [[sum(part[1] for part in one.values()) for one in pair] for pair in rounds]
    result = {
        "benchmark": "late",
        "days": [7, options.days],
        "rows": rows,
        "repeats": options.repeat,
        "week_seconds": round(statistics.median(pair[0] for pair in cost), 3),
        "year_seconds": round(statistics.median(pair[1] for pair in cost), 3),
        "ratio": round(statistics.median(pair[1] / pair[0] for pair in cost), 2),
        "cpu_ratio": round(statistics.median(pair[1] / pair[0] for pair in cpu), 2),
        "ratio_by_step": {
            step: round(statistics.median(pair[1][step][0] / pair[0][step][0] for pair in rounds), 2) for step in STEPS
        },
        "seconds_by_step": {
            step: [round(statistics.median(pair[side][step][0] for pair in rounds), 3) for side in (0, 1)]
            for step in STEPS
        },
        "runs_of_30_late_days_in_a_month": runs_of([LAST - timedelta(days=31 + n) for n in range(30)]),
        "runs_of_30_late_days_in_a_year": runs_of([LAST - timedelta(days=5 + 12 * n) for n in range(30)]),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
