"""A year of 100 series at one reading a minute (52 million): landed, then every tier built by one Dagster run.

    python benchmarks/bench_backfill_year.py [--days 365] [--devices 25] [--metrics 4]

Landing files are written as the lander writes them, one per month, with their ledger commits; the run is the job of the
`landing` asset and of all dbt tables over the whole range, with Dagster's own events on SQLite. Prints JSON:
seconds of each part, readings/s, and the peak of resident memory of the process that did it all.
"""

import argparse
import json
import logging
import os
import resource
import sqlite3
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from warehouse_data import at, land  # type: ignore[import-not-found]


def months(first: date, days: int) -> list[tuple[date, int]]:
    """Pieces of at most 30 days."""
    return [(first + timedelta(days=start), min(30, days - start)) for start in range(0, days, 30)]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def backfill(first: date, last: date) -> dict[str, float]:
    """One run over [first, last]; its wall and processor seconds, and how many events Dagster kept."""
    from dagster import AssetSelection, DagsterInstance, define_asset_job

    from sensor_platform.definitions import defs
    from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
    from sensor_platform.orchestration.running.instance import prepare
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.lineage import dbt_models

    logging.getLogger("dagster").setLevel(logging.ERROR)
    settings = load_settings()
    job = define_asset_job("backfill", AssetSelection.assets("landing", *dbt_models()))
    resolved = job.resolve(asset_graph=defs.resolve_asset_graph(), resource_defs=defs.resources)
    tags = {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}
    with DagsterInstance.from_config(str(prepare(settings.home))) as instance:
        started, used = time.perf_counter(), cpu()
        result = resolved.execute_in_process(instance=instance, resources={"settings": settings}, tags=tags)
        assert result.success
        runs = instance.get_runs_count()
    events = len(result.get_asset_materialization_events())
    wall, spent = time.perf_counter() - started, cpu() - used
    return {"backfill_seconds": wall, "backfill_cpu_seconds": spent, "runs": runs, "materialisations": events}


def table_rows(folder: Path) -> dict[str, float]:
    """Rows of each table, as a check that all of it is there."""
    import duckdb

    with duckdb.connect(str(folder / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        tables = ("readings_clean", "readings_10s", "readings_1m", "readings_1h", "readings_1d")
        return {name: connection.execute(f"select count(*) from {name}").fetchall()[0][0] for name in tables}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--devices", type=int, default=25)
    parser.add_argument("--metrics", type=int, default=4)
    options = parser.parse_args()
    first = datetime.now(UTC).date() - timedelta(days=options.days + 2)
    last = first + timedelta(days=options.days - 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "home"
        site = Path(name) / "site"
        site.mkdir()
        (site / "site.yaml").write_text(f"name: bench\nstart: {first}\n")
        os.environ |= {"SENSOR_PLATFORM_HOME": str(folder), "SENSOR_PLATFORM_SITE": str(site)}
        from sensor_platform.home import Home

        started, used = time.perf_counter(), cpu()
        readings = sum(
            land(
                Home(folder), f"month-{day}", at(day), 24 * days, options.devices, options.metrics, 60,
                with_message_id=False,
            )
            for day, days in months(first, options.days)
        )  # fmt: skip
        landed = time.perf_counter() - started
        landed_cpu = cpu() - used
        fold(Home(folder).ledger_file)
        cost = backfill(first, last)
        rows = table_rows(folder)
        size = (folder / "warehouse" / "warehouse.duckdb").stat().st_size
    result = {
        "benchmark": "backfill_year",
        "readings": readings,
        "days": options.days,
        "landing_seconds": round(landed, 1),
        "landing_cpu_seconds": round(landed_cpu, 1),
        **{key: round(value, 1) for key, value in cost.items()},
        "readings_per_second": round(readings / cost["backfill_seconds"]),
        "readings_per_cpu_second": round(readings / cost["backfill_cpu_seconds"]),
        "peak_gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "warehouse_gigabytes": round(size / 1e9, 2),
        "rows": rows,
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result))


def fold(ledger: Path) -> None:
    """The ledger as a lander leaves it: its log folded in, so that the run does not pay for it."""
    with sqlite3.connect(ledger) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


if __name__ == "__main__":
    main()
