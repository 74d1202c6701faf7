"""Recorded costs of builds, from which backfills are estimated: one line of JSON per build, the newest are kept."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from sensor_platform.home import Home

_KEPT = 500
_LARGE = 100_000
"""Builds of at least this many readings measure the cost per reading; smaller ones measure the cost of a start."""
_START_SECONDS, _READING_SECONDS = 5.0, 3e-6
"""Assumptions while nothing is recorded."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """One build."""

    at: int
    """When it ended, microseconds since the epoch, UTC."""
    readings: int
    windows: int
    seconds: float


def record(home: Home, cost: Cost) -> None:
    """Append a build. Not fsynced, and errors such as a full disk are ignored: estimates are not essential."""
    path = _path(home)
    try:
        known = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if len(known) >= 2 * _KEPT:
            path.write_bytes(b"".join(known[-_KEPT:]))
        with path.open("ab") as file:
            file.write(msgspec.json.encode(cost) + b"\n")
    except OSError:
        return


def history(home: Home) -> list[Cost]:
    """Recorded builds, oldest first; an incomplete line is skipped."""
    path = _path(home)
    found: list[Cost] = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            found.append(msgspec.json.decode(line, type=Cost))
        except msgspec.DecodeError:
            continue
    return found


def estimate(known: Sequence[Cost], readings: int, runs: int) -> float:
    """Estimated seconds of `runs` runs over `readings` readings, from the medians of the recorded costs."""
    starts = [cost.seconds for cost in known if cost.windows and cost.readings < _LARGE]
    start = median(starts) if starts else _START_SECONDS
    rates = [max(0.0, cost.seconds - start) / cost.readings for cost in known if cost.readings >= _LARGE]
    rate = median(rates) if rates else _READING_SECONDS
    return runs * start + readings * rate


def _path(home: Home) -> Path:
    return home.warehouse / "builds.jsonl"
