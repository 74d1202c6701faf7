"""A year of 100 devices at one reading a minute (52 million): imported from CSV, every tier built by one Dagster run.

    python benchmarks/bench_backfill_year.py [--days 365] [--devices 100] [--folder DIR]

The import is `sensor-platform import`, a process of its own; so is the run: the job of the `landing` asset (it checks
every file's SHA-256) and of all tables that dbt makes, with all checks, over the whole range, events on SQLite.
Publishing, features and forecasts take no part. Prints JSON: wall and processor seconds and peak memory of both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from history_data import write  # type: ignore[import-not-found]

FIRST = date(2025, 1, 1)
"""Where `history_data` begins."""
TABLES = ("readings_clean", "readings_10s", "readings_1m", "readings_1h", "readings_1d")


def backfill(first: date, last: date) -> dict[str, Any]:
    """One run over [first, last], in this process: its seconds, and what Dagster kept of it."""
    from dagster import AssetSelection, DagsterInstance, define_asset_job

    from sensor_platform.definitions import defs
    from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
    from sensor_platform.orchestration.storage.instance import prepare
    from sensor_platform.settings import load_settings
    from sensor_platform.warehouse.lineage import dbt_models

    settings = load_settings()
    job = define_asset_job("backfill", AssetSelection.assets("landing", *dbt_models()))
    resolved = job.resolve(asset_graph=defs.resolve_asset_graph(), resource_defs=defs.resources)
    tags = {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}
    with DagsterInstance.from_config(str(prepare(settings.home))) as instance:
        started = time.perf_counter()
        result = resolved.execute_in_process(instance=instance, resources={"settings": settings}, tags=tags)
        assert result.success
        seconds = time.perf_counter() - started
        facts = {
            "run_seconds": round(seconds, 1),
            "runs": instance.get_runs_count(),
            "materialisations": len(result.get_asset_materialization_events()),
            "checks": len(result.get_asset_check_evaluations()),
        }
    return facts | {"seconds_by_table": _seconds_by_table(result)}


def _seconds_by_table(result: Any) -> dict[str, float]:  # noqa: ANN401 - Dagster's result
    """Of dbt alone; every partition of the run carries the same."""
    found = {}
    for event in result.get_asset_materialization_events():
        materialisation = event.step_materialization_data.materialization
        if "seconds" in materialisation.metadata:
            found[materialisation.asset_key.to_user_string()] = materialisation.metadata["seconds"].value
    return found


def table_rows(warehouse: Path) -> dict[str, int]:
    """Rows of each table, and the readings in each tier, as a check that all of it is there."""
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = {name: connection.execute(f"select count(*) from {name}").fetchall()[0][0] for name in TABLES}
        counted = {connection.execute(f"select sum(n) from {name}").fetchall()[0][0] for name in TABLES[1:]}
    assert counted == {rows["readings_clean"]}, counted
    return rows


def timed(command: list[str], environ: Mapping[str, str]) -> tuple[dict[str, float], str]:
    """Wall and processor seconds and peak memory of a child process, and what it printed."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    cost = {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gigabytes": round(usage.ru_maxrss / 1e6, 2),
    }
    return cost, printed


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The whole of it, in an empty folder."""
    site, home, source = folder / "site", folder / "home", folder / "history.csv"
    site.mkdir()
    (site / "site.yaml").write_text(f"name: bench\nstart: {FIRST}\n")
    rows = write(source, options.devices, options.days, 60, "time", 7)
    environ = {**os.environ, "SENSOR_PLATFORM_HOME": str(home), "SENSOR_PLATFORM_SITE": str(site)}
    command = str(Path(sys.executable).with_name("sensor-platform"))
    imported, _ = timed([command, "import", str(source), "--json"], environ)
    size = source.stat().st_size
    source.unlink()
    last = FIRST + timedelta(days=options.days - 1)
    cost, printed = timed([sys.executable, __file__, "--range", str(FIRST), str(last)], environ)
    facts = json.loads(printed.splitlines()[-1])
    warehouse = home / "warehouse" / "warehouse.duckdb"
    found = table_rows(warehouse)
    assert found["readings_clean"] == rows
    return {
        "benchmark": "backfill_year",
        "readings": rows,
        "days": options.days,
        "source_gigabytes": round(size / 1e9, 2),
        "import": imported,
        "backfill": cost | facts,
        "seconds": round(imported["seconds"] + cost["seconds"], 1),
        "peak_gigabytes": max(imported["peak_gigabytes"], cost["peak_gigabytes"]),
        "backfill_readings_per_cpu_second": round(rows / cost["cpu_seconds"]),
        "warehouse_gigabytes": round(warehouse.stat().st_size / 1e9, 2),
        "rows": found,
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the temporary files go: about 15 GB for a year")
    parser.add_argument(
        "--range", nargs=2, type=date.fromisoformat, metavar="DAY", help="only the run, over these days"
    )
    options = parser.parse_args()
    if options.range:
        print(json.dumps(backfill(*options.range)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        print(json.dumps(measure(Path(name), options)))


if __name__ == "__main__":
    main()
