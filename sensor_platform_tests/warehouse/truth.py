"""The tables as plain Python computes them."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
from hypothesis import strategies as st

from sensor_platform_tests.warehouse.landings import reading

BASE = datetime(2026, 1, 2, 22, 0)  # noqa: DTZ001 - plain UTC, as in files


BORDERS = [timedelta(0), timedelta(minutes=10), timedelta(minutes=59, seconds=59, milliseconds=999), timedelta(hours=2)]


COUNTERS = {"load"}


offsets = st.one_of(
    st.sampled_from(BORDERS),
    st.integers(0, 4 * 3600 * 1000).map(lambda ms: timedelta(milliseconds=ms)),
    st.integers(0, 30).map(lambda seconds: timedelta(seconds=seconds)),
)


values = st.one_of(
    st.floats(-60, 1010),
    st.sampled_from([20.0, 20.0, 21.0]),
    st.sampled_from([0.0, -50.0, 1000.0, 1e-9, -3e-9, 1e15, 1e300, -1e300, 5e-324]),
)


@st.composite
def message(draw: st.DrawFn) -> dict[str, Any]:
    at = BASE + draw(offsets)
    own_time = draw(st.booleans())
    delay = draw(st.sampled_from([timedelta(0), timedelta(seconds=3), timedelta(minutes=11), timedelta(hours=5)]))
    return reading(
        draw(st.sampled_from(["pump", "fan"])),
        draw(st.sampled_from(["temp", "load"])),
        at,
        draw(values),
        received_at=at + delay if own_time else at,
        message_id=draw(st.sampled_from([None, "0", "1", "2"])),
        is_device_time=own_time,
        is_suspect=draw(st.booleans()),
        quality=draw(st.sampled_from([None, "bad", "uncertain"])),
        unit=draw(st.sampled_from([None, None, None, "degC", "°C", "degF", "Wh", "furlongs of nothing"])),
    )


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Messages, some of them twice, shuffled over a few segments."""
    sent = draw(st.lists(message(), min_size=1, max_size=40))
    repeats = draw(st.lists(st.sampled_from(sent), max_size=8))
    again = [
        row | {"received_at": row["received_at"] + timedelta(milliseconds=1)}
        for row in repeats
        if row["is_device_time"]
    ]
    mixed = draw(st.permutations(sent + again))
    cuts = sorted(draw(st.lists(st.integers(1, len(mixed)), max_size=2)))
    edges = [0, *cuts, len(mixed)]
    return [part for low, high in pairwise(edges) if (part := list(mixed[low:high]))]


def check_clean(warehouse: duckdb.DuckDBPyConnection, expected: Sequence[tuple[Any, ...]]) -> None:
    found = warehouse.execute(
        "select device_id, metric, event_at, received_at, value, verdict, rule, segment, position from readings_clean"
    ).fetchall()
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def check_tier(
    warehouse: duckdb.DuckDBPyConnection, table: str, expected: dict[tuple[str, str, datetime], dict[str, Any]]
) -> None:
    result = warehouse.execute(f"select * from {table}")
    names = [column[0] for column in result.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    assert len(rows) == len(expected)
    for row in rows:
        want = expected[row["device_id"], row["metric"], row["window_start"]]
        for name, value in want.items():
            if name in {"sum", "mean", "stddev", "increase"}:
                assert close(row[name], value, row), (table, name, row, want)
            else:
                assert row[name] == value, (table, name, row, want)


def close(found: float | None, wanted: float | None, row: dict[str, Any]) -> bool:
    """Equal to 1e-9 of the magnitudes that went in: a total that cancels to nothing has no digits of its own.

    Squares below the least double are zero, so a spread of less than 1e-150 is too.
    """
    if found is None or wanted is None:
        return found is wanted
    if not math.isfinite(found):
        return not math.isfinite(wanted) or bool(abs(row["max"]) + abs(row["min"]) > 1e150)
    scale = max(abs(wanted), abs(row["min"]), abs(row["max"]))
    return bool(abs(found - wanted) <= max(1e-9 * scale, 1e-150))
