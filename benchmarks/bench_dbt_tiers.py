"""How fast a full day goes from landing files through dbt to every tier, beside plain SQL that promises nothing.

The plain SQL reads the same files, keeps the same columns and makes the same tiers with DuckDB's own sum, stddev and
first; it neither removes repeats nor judges, keeps no state, tests nothing, and its sums depend on thread order.
Prints one line of JSON: medians over the repeats, readings/s, seconds by model, and the ratio in the same run.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
from warehouse_data import BenchSite, at, land  # type: ignore[import-not-found]

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build

DAY = date(2026, 1, 2)
FILES = 6

PLAIN = (
    """create table clean as select *, time_bucket(interval 10 minutes, event_at) as slot_start,
        'good' as verdict, cast(null as varchar) as rule, received_at - event_at > interval 10 minutes as is_late
        from read_parquet('{files}')""",
    """create table t10s as select device_id, metric, slot_start,
        time_bucket(interval 10 seconds, event_at) as window_start, count(*) as n, sum(value) as sum,
        min(value) as min, max(value) as max, avg(value) as mean,
        stddev_samp(value) as stddev, arg_min(value, event_at) as first, arg_max(value, event_at) as last,
        min(event_at) as first_at, max(event_at) as last_at from clean group by all""",
    *(
        f"""create table {table} as select device_id, metric,
        time_bucket(interval {width}, window_start) as window_start, sum(n) as n, sum(sum) as sum,
        min(min) as min, max(max) as max, sum(sum) / sum(n) as mean,
        arg_min(first, first_at) as first, arg_max(last, last_at) as last, min(first_at) as first_at,
        max(last_at) as last_at from {finer} group by all"""
        for table, finer, width in (
            ("t1m", "t10s", "'1 minute'"),
            ("t1h", "t1m", "'1 hour'"),
            ("t1d", "t1h", "'1 day'"),
        )
    ),
)


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds of one run; the latter hardly depend on who else uses the machine."""

    wall: float
    cpu: float
    models: dict[str, float] = field(default_factory=dict)


def _now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def plain_sql(home: Home, folder: Path) -> Cost:
    """The plain SQL into a fresh file."""
    target = folder / "plain.duckdb"
    target.unlink(missing_ok=True)
    wall, cpu = _now()
    with duckdb.connect(str(target), config={"preserve_insertion_order": "false"}) as connection:
        for statement in PLAIN:
            connection.execute(statement.replace("{files}", f"{home.landing}/*/*.parquet"))
    end = _now()
    return Cost(end[0] - wall, end[1] - cpu)


def dbt(home: Home) -> Cost:
    """One build into a fresh warehouse."""
    for file in home.warehouse.glob("warehouse.duckdb*"):
        file.unlink()
    wall, cpu = _now()
    report = build(home, BenchSite(), days=(DAY, DAY))
    end = _now()
    assert report.is_ok, report.failed
    return Cost(end[0] - wall, end[1] - cpu, {name: model.seconds for name, model in report.models.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--devices", type=int, default=25)
    parser.add_argument("--metrics", type=int, default=4)
    parser.add_argument("--cadence", type=float, default=1.0, help="seconds between the readings of one series")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        hours = 24 / FILES
        readings = sum(
            land(home, f"day-{n}", at(DAY, n * hours), hours, options.devices, options.metrics, options.cadence)
            for n in range(FILES)
        )
        build(
            home, BenchSite(), days=(date(2026, 1, 1), date(2026, 1, 1))
        )  # dbt imported and parsed, as in a warm process
        runs = [(dbt(home), plain_sql(home, Path(folder))) for _ in range(options.repeat)]
    ours, plain = [cost for cost, _ in runs], [cost for _, cost in runs]
    seconds, cpu = statistics.median(cost.wall for cost in ours), statistics.median(cost.cpu for cost in ours)
    models = {name: statistics.median(cost.models[name] for cost in ours) for name in ours[0].models}
    result = {
        "benchmark": "dbt_tiers",
        "readings": readings,
        "series": options.devices * options.metrics,
        "cadence_seconds": options.cadence,
        "repeats": options.repeat,
        "seconds": round(seconds, 2),
        "readings_per_second": round(readings / seconds),
        "cpu_seconds": round(cpu, 2),
        "readings_per_second_on_two_idle_cores": round(2 * readings / cpu),
        "load_average": os.getloadavg()[0],
        "seconds_by_model": {name: round(value, 2) for name, value in models.items()},
        "tests_and_rest_seconds": round(seconds - sum(models.values()), 2),
        "plain_sql_seconds": round(statistics.median(cost.wall for cost in plain), 2),
        "plain_sql_cpu_seconds": round(statistics.median(cost.cpu for cost in plain), 2),
        "ratio_to_plain_sql": round(statistics.median(a.wall / b.wall for a, b in runs), 2),
        "cpu_ratio_to_plain_sql": round(statistics.median(a.cpu / b.cpu for a, b in runs), 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
