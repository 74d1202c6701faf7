"""How long until an arrival is in the analysts' hands, with everything running: one JSON object with medians and parts.

    python benchmarks/bench_arrival.py [--arrivals 10] [--days 20] [--devices 5] [--home DIR]

A broker, the collector with its lander, and Dagster (code server, daemon, web server) run on a home with some history
and a trained champion. Then one message at a time is published, and `analytics.duckdb` is asked until the forecast that
has seen it is there. Two totals: from publish, and from the ledger's commit. The parts are taken from the ledger and
from Dagster's own storage. Needs mosquitto.
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sin
from pathlib import Path
from tempfile import TemporaryDirectory

from sensor_platform.collect.config import Broker
from sensor_platform.demo.stack import broker_of, stack_of, stopped_by_signals
from sensor_platform.devices.publisher import Publisher
from sensor_platform.home import Home

SITE = """
name: bench
start: {start}
forecast:
  metrics: [temperature]
"""
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Platform:
    """What the benchmark talks to."""

    home: Home
    publisher: Publisher

    def publish(self, device: str, at: datetime, value: float) -> None:
        """Send one reading at QoS 1."""
        body = {"device_id": device, "ts": at.timestamp(), "temperature": value}
        self.publisher.publish(f"sensors/{device}", json.dumps(body).encode())

    def ask(self, query: str) -> float | None:
        """One number of the analysts' file; None while it does not exist."""
        import duckdb

        try:
            with duckdb.connect(str(self.home.analytics_file), read_only=True) as connection:
                row = connection.execute(query).fetchone()
        except (duckdb.IOException, duckdb.CatalogException):
            return None
        return None if row is None or row[0] is None else float(row[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrivals", type=int, default=10)
    parser.add_argument("--days", type=int, default=20, help="days of history, a reading of each device in 10 minutes")
    parser.add_argument("--devices", type=int, default=5)
    parser.add_argument("--home", type=Path, help="keep the data there; a new folder")
    arguments = parser.parse_args()
    with stopped_by_signals(), ExitStack() as stack:
        root = arguments.home or Path(stack.enter_context(TemporaryDirectory(prefix="bench-arrival-")))
        platform = stack.enter_context(running(root / "home", arguments.days))
        setup = prepare(platform, arguments.days, arguments.devices)
        arrivals = [arrival(platform, number) for number in range(arguments.arrivals)]
    print(json.dumps({"benchmark": "arrival", "setup_seconds": setup, **summary(arrivals), "arrivals": arrivals}))


@contextmanager
def running(root: Path, days: int) -> Iterator[Platform]:
    """Everything, on an empty home."""
    site = root.parent / "site"
    site.mkdir(parents=True)
    start = (datetime.now(UTC) - timedelta(days=days + 1)).date()
    (site / "site.yaml").write_text(SITE.format(start=start))
    root.mkdir(parents=True)
    home = Home(root)
    with broker_of(home, "mosquitto") as broker, stack_of(home, site, broker):
        port = int(broker.url.rsplit(":", 1)[1])
        with Publisher(Broker(port=port)) as publisher:
            yield Platform(home, publisher)


def prepare(platform: Platform, days: int, devices: int) -> float:
    """History, built, trained on and scored; returns the seconds that it took."""
    started = time.monotonic()
    now = datetime.now(UTC)
    for step in range(days * 144, 0, -1):
        at = now - timedelta(minutes=10 * step)
        for device in range(devices):
            platform.publish(f"d{device}", at, 20 + 5 * sin(step / 144 * 6.283 + device) + device)
    platform.publisher.drain()
    wait_for(lambda: platform.ask("select count(*) from predictions") or 0.0, 1.0, 1200)
    wait_for(lambda: float(is_idle(platform.home)), 1.0, 600)
    return round(time.monotonic() - started, 1)


def arrival(platform: Platform, number: int) -> dict[str, float]:
    """One message, and when it had come how far; seconds."""
    time.sleep(15)  # longer than the sensor's breath, so that nothing of the arrival before is still going on
    device, value = "d0", 30.0 + number / 1000
    position = ledger(platform.home, "select max(position) from segments")
    published = time.time()
    platform.publish(device, datetime.now(UTC), value)
    platform.publisher.drain()
    acknowledged = time.time()
    wait_for(lambda: float(ledger(platform.home, "select max(position) from segments") > position), 1.0, 60)
    committed = ledger(platform.home, "select max(committed_at) from segments") / 1e6
    seen = f"select count(*) from readings_clean where device_id = '{device}' and value = {value}"
    clean = wait_for(lambda: platform.ask(seen) or 0.0, 1.0, 300)
    made = f"select epoch(max(created_at)) from predictions where device_id = '{device}'"
    done = wait_for(lambda: platform.ask(made) or 0.0, published, 300)
    parts = run_parts(platform.home, committed)
    return {
        "publish_to_queryable": done - published,
        "commit_to_queryable": done - committed,
        "commit_to_clean_queryable": clean - committed,
        "publish_to_acknowledged": acknowledged - published,
        "seal_and_land": committed - acknowledged,
        **parts,
    }


def run_parts(home: Home, committed: float) -> dict[str, float]:
    """Where the run that brought it spent its time, from Dagster's storage."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home.dagster)) as instance:
        records = [
            record
            for record in instance.get_run_records(limit=5)
            if record.create_timestamp.timestamp() >= committed - 1
        ]
        record = records[-1]
        run_id = record.dagster_run.run_id
        while instance.get_run_stats(run_id).end_time is None:
            time.sleep(0.1)
        stats, steps = instance.get_run_stats(run_id), instance.get_run_step_stats(run_id)
    created = record.create_timestamp.timestamp()
    launched, started, ended = stats.launch_time or 0.0, stats.start_time or 0.0, stats.end_time or 0.0
    return {
        "sensor_tick": created - committed,
        "dequeue": launched - created,
        "run_start": started - launched,
        **{f"step_{step.step_key}": (step.end_time or 0.0) - (step.start_time or 0.0) for step in steps},
        "run": ended - started,
    }


def summary(arrivals: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median of every part."""
    names = dict.fromkeys(name for one in arrivals for name in one)
    return {
        "median_seconds": {name: round(statistics.median(one.get(name, 0.0) for one in arrivals), 2) for name in names}
    }


def ledger(home: Home, query: str) -> float:
    if not home.ledger_file.exists():
        return 0.0
    connection = sqlite3.connect(f"file:{home.ledger_file}?mode=ro", uri=True)
    try:
        return float(connection.execute(query).fetchone()[0] or 0)
    finally:
        connection.close()


def is_idle(home: Home) -> bool:
    """Nothing queued or in flight, twelve seconds long."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    busy = [status for status in DagsterRunStatus if status.value in {"QUEUED", "NOT_STARTED", "STARTING", "STARTED"}]
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        for _ in range(4):
            if instance.get_runs_count(RunsFilter(statuses=busy)):
                return False
            time.sleep(3)
    return True


def wait_for(value: Callable[[], float], least: float, seconds: float) -> float:
    """Poll until `value()` has reached `least`; returns when, in seconds since the epoch."""
    end = time.monotonic() + seconds
    while value() < least:
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s in vain; see the logs of the home")
        time.sleep(POLL_SECONDS)
    return time.time()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
