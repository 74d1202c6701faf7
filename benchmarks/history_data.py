"""Writes made-up history, seeded: devices that report one metric at a fixed pace, as CSV or Parquet.

    python benchmarks/history_data.py OUT.csv [--devices 100] [--days 365] [--every 60] [--order time|device] [--seed 7]

A day's curve per device, a drift over the year, noise. Columns: device_id, metric, timestamp (ISO 8601, UTC), value.
The default is 52,560,000 readings: about 2.4 GB of CSV, or 400 MB of Parquet.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

_AT_ONCE = 2_000_000


def main() -> None:
    options = _options()
    write(options.out, options.devices, options.days, options.every, options.order, options.seed)


def write(path: Path, devices: int, days: int, every: int, order: str, seed: int) -> int:
    """Write the history; returns the number of readings."""
    frames = history(devices, days, every, order, seed)
    rows = 0
    if path.suffix == ".parquet":
        first = next(frames).to_arrow()
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            rows += int(first.num_rows)
            for frame in frames:
                writer.write_table(frame.to_arrow())
                rows += len(frame)
        return rows
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            frame.write_csv(file, include_header=number == 0, datetime_format="%Y-%m-%dT%H:%M:%SZ")
            rows += len(frame)
    return rows


def history(devices: int, days: int, every: int, order: str, seed: int) -> Iterator[pl.DataFrame]:
    """Frames in order of `time` (all devices of a minute together) or `device` (one after the other)."""
    rng = np.random.default_rng(seed)
    start = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
    steps = days * 86_400 // every
    total = steps * devices
    names = pl.Series([f"device-{number:04d}" for number in range(devices)])
    for first in range(0, total, _AT_ONCE):
        row = np.arange(first, min(first + _AT_ONCE, total))
        step, device = (row // devices, row % devices) if order == "time" else (row % steps, row // steps)
        seconds = step * every
        daily = 5 * np.sin(2 * np.pi * (seconds / 86_400 + device / devices))
        value = 20 + daily + 2 * seconds / 31_536_000 + rng.normal(0, 0.3, len(row))
        yield pl.DataFrame(
            {
                "device_id": names.gather(device),
                "metric": pl.repeat("temperature", len(row), eager=True),
                "timestamp": pl.Series((start + seconds) * 1_000_000).cast(pl.Datetime("us")),
                "value": np.round(value, 2),
            }
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--every", type=int, default=60, help="seconds")
    parser.add_argument("--order", choices=["time", "device"], default="time")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
