"""Statistics of the readings of windows, and their update by later readings; vectorised over windows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.columns import BAD, UNCERTAIN, Readings
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.series import NEVER, Ints

_LATEST = np.iinfo(np.int64).max
STATS: dict[str, tuple[str, Any]] = {
    "n": ("i8", 0),
    "sum": ("f8", 0.0),
    "m2": ("f8", 0.0),
    "min": ("f8", np.inf),
    "max": ("f8", -np.inf),
    "first": ("f8", np.nan),
    "last": ("f8", np.nan),
    "first_at": ("i8", _LATEST),
    "last_at": ("i8", NEVER),
    "last_received_at": ("i8", NEVER),
    "bad_n": ("i8", 0),
    "uncertain_n": ("i8", 0),
    "late_n": ("i8", 0),
}
"""Columns of a window: dtype, and the value of a window without readings."""


def stats_of(readings: Readings, begins: Ints, group: Ints, slot: int) -> dict[str, npt.NDArray[Any]]:
    """Compute statistics of groups of consecutive readings, one group per window.

    Args:
        readings: in order of group, event time and value.
        begins: row number of the first reading of each group.
        group: number of the group of each reading.
        slot: delay in microseconds beyond which a reading is late.
    """
    verdict, value = readings.verdict, readings.value
    is_bad = verdict == BAD
    stats: dict[str, npt.NDArray[Any]] = {
        "last_received_at": np.maximum.reduceat(_heard_at(readings), begins),
        "bad_n": np.add.reduceat(is_bad, begins, dtype=np.int64),
        "uncertain_n": np.add.reduceat(verdict == UNCERTAIN, begins, dtype=np.int64),
        "late_n": np.add.reduceat(readings.received_at - readings.event_at > slot, begins, dtype=np.int64),
    }
    at = readings.event_at
    if is_bad.any():
        count = len(begins)
        value, at, group = value[~is_bad], at[~is_bad], group[~is_bad]
        used, begins = np.unique(group, return_index=True)
        inner = _numbers(value, at, begins, np.searchsorted(used, group)) if len(used) else {}
        for name, (dtype, fill) in STATS.items():
            if name not in stats:
                stats[name] = np.full(count, fill, dtype)
                if len(used):
                    stats[name][used] = inner[name]
        return stats
    return stats | _numbers(value, at, begins, group)


def _heard_at(readings: Readings) -> Ints:
    """Arrival of each reading; NEVER where the broker had kept it and nobody knows since when, as in the tables."""
    if readings.is_retained is None:
        return readings.received_at
    return np.where(readings.is_retained & ~readings.is_device_time, NEVER, readings.received_at)


def _numbers(value: "npt.NDArray[np.float64]", at: Ints, begins: Ints, group: Ints) -> dict[str, npt.NDArray[Any]]:
    ends = np.concatenate([begins[1:], [len(value)]])
    n = ends - begins
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(value, begins)
        m2 = np.add.reduceat((value - (total / n)[group]) ** 2, begins)
    return {
        "n": n,
        "sum": total,
        "m2": m2,
        "min": np.minimum.reduceat(value, begins),
        "max": np.maximum.reduceat(value, begins),
        "first": value[begins],
        "last": value[ends - 1],
        "first_at": at[begins],
        "last_at": at[ends - 1],
    }


def merge_stats(rows: GrowableColumns, at: Ints, add: dict[str, npt.NDArray[Any]]) -> None:
    """Add statistics to windows.

    The sum of squared deviations is combined exactly (Chan et al. 1979).

    Args:
        rows: the windows.
        at: row number of each window, all different.
        add: statistics of further readings of these windows.
    """
    have = {name: rows[name][at] for name in STATS}
    n, more = have["n"], add["n"]
    both = np.maximum(n + more, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.where((n > 0) & (more > 0), add["sum"] / np.maximum(more, 1) - have["sum"] / np.maximum(n, 1), 0.0)
        rows["m2"][at] = have["m2"] + add["m2"] + gap * gap * n * more / both
        rows["sum"][at] = have["sum"] + add["sum"]
    for name in ("n", "bad_n", "uncertain_n", "late_n"):
        rows[name][at] = have[name] + add[name]
    rows["min"][at] = np.minimum(have["min"], add["min"])
    rows["max"][at] = np.maximum(have["max"], add["max"])
    rows["last_received_at"][at] = np.maximum(have["last_received_at"], add["last_received_at"])
    # readings at one instant are in order of value, as in the tables
    is_first = (add["first_at"] < have["first_at"]) | (
        (add["first_at"] == have["first_at"]) & (more > 0) & (add["first"] < have["first"])
    )
    is_last = (add["last_at"] > have["last_at"]) | (
        (add["last_at"] == have["last_at"]) & (more > 0) & (add["last"] > have["last"])
    )
    for name, is_better in (("first", is_first), ("last", is_last)):
        rows[name][at] = np.where(is_better, add[name], have[name])
        rows[f"{name}_at"][at] = np.where(is_better, add[f"{name}_at"], have[f"{name}_at"])
