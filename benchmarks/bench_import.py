"""Imports a year of made-up history and says how fast and in how much memory, as JSON.

    python benchmarks/bench_import.py [--days 365] [--devices 100] [--order time] [--kind csv] [--folder DIR]

The import is a process of its own (`sensor-platform import`), so that its peak memory is its own. `peer` reads the same
file with Polars' streaming engine and writes it as one Parquet file: no contract, no sort, no quarantine, no ledger.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from history_data import write  # type: ignore[import-not-found]

_PEER = """
import sys, polars as pl
scan = pl.scan_csv if sys.argv[1].endswith(".csv") else pl.scan_parquet
scan(sys.argv[1]).sink_parquet(sys.argv[2], compression="zstd")
"""


def main() -> None:
    options = _options()
    with TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        source = folder / f"history.{options.kind}"
        rows = write(source, options.devices, options.days, 60, options.order, 7)
        result: dict[str, Any] = {
            "rows": rows,
            "kind": options.kind,
            "order": options.order,
            "source_bytes": source.stat().st_size,
            "cores": len(os.sched_getaffinity(0)),
        }
        result["import"] = _timed(_import(source), folder, rows)
        again = _timed(_import(source), folder, rows)
        result["again_seconds"] = again["seconds"]
        result["peer"] = _timed([sys.executable, "-c", _PEER, str(source), str(folder / "peer.parquet")], folder, rows)
        landed = list((folder / "home" / "landing").glob("*/*.parquet"))
        result["landing_files"] = len(landed)
        result["landing_bytes"] = sum(path.stat().st_size for path in landed)
    json.dump(result, sys.stdout, indent=2)
    print()


def _import(source: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("sensor-platform")), "import", str(source), "--json"]


def _timed(command: list[str], folder: Path, rows: int) -> dict[str, Any]:
    """Wall and CPU seconds, readings per second and peak memory of a child process."""
    environ = {**os.environ, "SENSOR_PLATFORM_HOME": str(folder / "home")}
    started = time.perf_counter()
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "readings_per_second": round(rows / seconds),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--order", choices=["time", "device"], default="time")
    parser.add_argument("--kind", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--folder", type=Path, help="where the temporary files go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
