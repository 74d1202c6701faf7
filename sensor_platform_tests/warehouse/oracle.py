"""An independent account of what the tables must hold, in Polars and plain Python, from the rows that were landed.

Tiers are computed straight from the readings, never from a finer tier; sums by `math.fsum`, which is exact.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

HORIZON = timedelta(minutes=10)
TIERS = {"readings_10s": "10s", "readings_1m": "1m", "readings_1h": "1h", "readings_1d": "1d"}

Row = dict[str, Any]
Limits = dict[str, tuple[float, float]]


def clean(landed: Sequence[Row], limits: Limits) -> pl.DataFrame:
    """Rows of readings_clean: device_id, metric, event_at, received_at, value, verdict, segment, position."""
    kept: list[Row] = []
    seen: dict[tuple[Any, ...], datetime] = {}
    for row in sorted(landed, key=lambda row: (row["event_at"], row["received_at"], row["segment"], row["position"])):
        if row["message_id"] is not None:
            own_time = row["event_at"] if row["is_device_time"] else None
            key = (row["device_id"], row["metric"], row["message_id"], own_time)
            before, seen[key] = seen.get(key), row["event_at"]
            if before is not None and row["event_at"] - before < HORIZON:
                continue
        kept.append(row | {"verdict": _verdict(row, limits)})
    names = ("device_id", "metric", "event_at", "received_at", "value", "verdict", "segment", "position")
    schema: dict[str, Any] = {"event_at": pl.Datetime("us"), "received_at": pl.Datetime("us"), "value": pl.Float64}
    return pl.DataFrame([{name: row[name] for name in names} for row in kept], schema_overrides=schema)


def _verdict(row: Row, limits: Limits) -> str:
    low, high = limits.get(row["metric"], (-math.inf, math.inf))
    if row["value"] is not None and not low <= row["value"] <= high:
        return "bad"
    if row["quality"] in {"bad", "uncertain"}:
        return str(row["quality"])
    return "uncertain" if row["is_suspect"] else "good"


def tier(readings: pl.DataFrame, every: str) -> dict[tuple[str, str, datetime], Row]:
    """Rows of one tier by device, metric and start of the window."""
    numeric = readings.filter(pl.col("value").is_not_null())
    groups: dict[tuple[str, str, datetime], list[Row]] = defaultdict(list)
    for row in numeric.with_columns(window=pl.col("event_at").dt.truncate(every)).iter_rows(named=True):
        groups[row["device_id"], row["metric"], row["window"]].append(row)
    return {key: _aggregate(rows) for key, rows in groups.items()}


def _aggregate(rows: Sequence[Row]) -> Row:
    counted = sorted((row["event_at"], row["value"]) for row in rows if row["verdict"] != "bad")
    values = [value for _, value in counted]
    late = sum(row["received_at"] - row["event_at"] > HORIZON for row in rows)
    exact: Row = {"n": len(values), "bad_n": len(rows) - len(values), "late_n": late}
    exact["uncertain_n"] = sum(row["verdict"] == "uncertain" for row in rows)
    exact["last_received_at"] = max(row["received_at"] for row in rows)
    if not values:
        return exact | dict.fromkeys(("min", "max", "first", "last", "first_at", "last_at", "sum", "mean", "stddev"))
    exact |= {"min": min(values), "max": max(values), "first": values[0], "last": values[-1]}
    exact |= {"first_at": counted[0][0], "last_at": counted[-1][0]}
    total = math.fsum(values)
    spread = statistics.stdev(values) if len(values) > 1 else None
    return exact | {"sum": total, "mean": total / len(values), "stddev": spread}
