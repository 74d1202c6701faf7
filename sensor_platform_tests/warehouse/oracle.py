"""An independent account of what the tables must hold, in Polars and plain Python, from the rows that were landed.

Tiers are computed straight from the readings, never from a finer tier; sums by `math.fsum`, which is exact.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from sensor_platform.reading.units import conversion
from sensor_platform.warehouse.catalog import Catalog, Metric

UNCERTAIN = frozenset({"retained_without_time", "device_says_uncertain", "suspect_redelivery", "unit_not_convertible"})
HORIZON = timedelta(minutes=10)
TIERS = {"readings_10s": "10s", "readings_1m": "1m", "readings_1h": "1h", "readings_1d": "1d"}

Row = dict[str, Any]


def clean(landed: Sequence[Row], catalog: Catalog) -> pl.DataFrame:
    """Rows of readings_clean: device_id, metric, event_at, received_at, value, verdict, rule, segment, position."""
    kept: list[Row] = []
    seen: dict[tuple[Any, ...], datetime] = {}
    newest: dict[str, tuple[str, int]] = {}
    metrics = {metric.metric: metric for metric in catalog.metrics}
    for row in sorted(landed, key=lambda row: (row["event_at"], row["received_at"], row["segment"], row["position"])):
        if row["message_id"] is not None:
            own_time = row["event_at"] if row["is_device_time"] else None
            run = 0 if own_time else _run(newest, row)
            key = (row["device_id"], row["metric"], row["message_id"], own_time, run)
            before, seen[key] = seen.get(key), row["event_at"]
            if before is not None and row["event_at"] - before < HORIZON:
                continue
        metric = metrics.get(row["metric"], Metric(""))
        converted = row | {"value": _converted(row, metric)}
        calibrated = converted | {"value": _calibrated(converted, catalog)}
        kept.append(calibrated | {"rule": _own_rule(calibrated, metric)})
    rules = _comparing(kept, metrics)
    for row in kept:
        row["rule"] = rules.get((row["segment"], row["position"]), row["rule"])
        row["verdict"] = "good" if row["rule"] is None else "uncertain" if row["rule"] in UNCERTAIN else "bad"
    names = ("device_id", "metric", "event_at", "received_at", "value", "verdict", "rule", "segment", "position")
    schema: dict[str, Any] = {"event_at": pl.Datetime("us"), "received_at": pl.Datetime("us"), "value": pl.Float64}
    schema |= {"rule": pl.String}
    return pl.DataFrame([{name: row[name] for name in names} for row in kept], schema_overrides=schema)


def _run(newest: dict[str, tuple[str, int]], row: Row) -> int:
    """How often the device's numbers have begun anew at 0 or 1, up to this reading in order of arrival."""
    number = row["message_id"]
    before, run = newest.get(row["device_id"], (number, 0))
    run += number != before and number in {"0", "1"} and (number, before) != ("1", "0")
    newest[row["device_id"]] = (number, run)
    return run


def _is_foreign(row: Row, metric: Metric) -> bool:
    return row["value"] is not None and None not in {row["unit"], metric.unit} and row["unit"] != metric.unit


def _converted(row: Row, metric: Metric) -> float | None:
    found = conversion(row["unit"], str(metric.unit)) if _is_foreign(row, metric) else None
    value: float | None = row["value"]
    return value * found.gain + found.offset if found and value is not None else value


def _calibrated(row: Row, catalog: Catalog) -> float | None:
    for one in catalog.calibration:
        is_series = (one.device_id, one.metric) == (row["device_id"], row["metric"])
        begins = one.valid_from is None or one.valid_from <= row["event_at"]
        if is_series and begins and (one.valid_to is None or row["event_at"] < one.valid_to):
            return None if row["value"] is None else float(row["value"]) * one.gain + one.offset
    # Not calibrated is calibrated by nothing: a zero has no sign, as in SQL.
    return None if row["value"] is None else float(row["value"]) + 0.0


def _own_rule(row: Row, metric: Metric) -> str | None:
    value = row["value"]
    if value is not None and not math.isfinite(value):
        return "not_finite"
    if value is not None and metric.min is not None and value < metric.min:
        return "below_range"
    if value is not None and metric.max is not None and value > metric.max:
        return "above_range"
    if row["quality"] in {"bad", "uncertain"}:
        return f"device_says_{row['quality']}"
    if row["is_suspect"]:
        return "suspect_redelivery"
    is_unknown = _is_foreign(row, metric) and conversion(row["unit"], str(metric.unit)) is None
    return "unit_not_convertible" if is_unknown else None


def _comparing(kept: Sequence[Row], metrics: dict[str, Metric]) -> dict[tuple[str, int], str]:
    """Rules that look at earlier readings, by segment and position; written for clearness, quadratic."""
    series: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in kept:
        if row["value"] is not None and (row["rule"] is None or row["rule"] in UNCERTAIN):
            series[row["device_id"], row["metric"]].append(row)
    found: dict[tuple[str, int], str] = {}
    for (_, name), rows in series.items():
        metric = metrics.get(name, Metric(""))
        rows.sort(key=lambda r: (r["event_at"], r["value"], r["received_at"], r["segment"], r["position"]))
        for number, row in enumerate(rows):
            rule = _too_fast(rows, number, metric) or _stuck(rows, number, metric)
            if rule:
                found[row["segment"], row["position"]] = rule
    return found


def _too_fast(rows: Sequence[Row], number: int, metric: Metric) -> str | None:
    if metric.max_change_per_s is None or number == 0:
        return None
    row, before = rows[number], rows[number - 1]
    seconds = (row["event_at"] - before["event_at"]) // timedelta(microseconds=1) / 1e6
    is_near = 0 < seconds <= metric.compare_within_s
    is_fast = is_near and abs(row["value"] - before["value"]) > metric.max_change_per_s * seconds
    return "changes_too_fast" if is_fast else None


def _stuck(rows: Sequence[Row], number: int, metric: Metric) -> str | None:
    """There is an equal reading at least `stuck_after_s` (and not a slot more) before, and nothing else in between."""
    if metric.stuck_after_s is None:
        return None
    row, limit = rows[number], timedelta(seconds=metric.stuck_after_s)
    for earlier in reversed(rows[: number + 1]):
        if earlier["value"] != row["value"]:
            return None
        age = row["event_at"] - earlier["event_at"]
        if age >= limit:
            return "stuck" if age <= limit + HORIZON else None
    return None


def tier(readings: pl.DataFrame, every: str, counters: Collection[str] = ()) -> dict[tuple[str, str, datetime], Row]:
    """Rows of one tier by device, metric and start of the window."""
    numeric = readings.filter(pl.col("value").is_not_null())
    groups: dict[tuple[str, str, datetime], list[Row]] = defaultdict(list)
    for row in numeric.with_columns(window=pl.col("event_at").dt.truncate(every)).iter_rows(named=True):
        groups[row["device_id"], row["metric"], row["window"]].append(row)
    return {key: _aggregate(rows) | _counted(rows, is_counter=key[1] in counters) for key, rows in groups.items()}


def _counted(rows: Sequence[Row], *, is_counter: bool) -> Row:
    values = [value for _, value in sorted((r["event_at"], r["value"]) for r in rows if r["verdict"] != "bad")]
    if not is_counter or not values:
        return {"increase": None, "resets_n": None}
    steps = [(before, value, before - value > 0.1 * abs(before)) for before, value in pairwise(values)]
    increase = math.fsum(value if is_reset else value - before for before, value, is_reset in steps)
    return {"increase": increase if steps else None, "resets_n": sum(is_reset for _, _, is_reset in steps)}


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
