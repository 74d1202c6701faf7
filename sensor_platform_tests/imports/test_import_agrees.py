"""A row of a file becomes what a message with the same fields becomes: both readers agree on everything."""

import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.imports.time_columns import times_of
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.local_times import UnclearTime
from sensor_platform.reading.model import Envelope, Reading
from sensor_platform.reading.times import time_reader, zone
from sensor_platform_tests.imports.import_helpers import LIMITS, NOW, imported, landed, quarantined
from sensor_platform_tests.reading.single_message import decode_message

TIMES = st.one_of(
    st.none(),
    st.integers(1_300_000_000, 1_772_000_000),
    st.integers(1_300_000_000_000, 1_772_000_000_000),
    st.integers(-(10**21), 10**21),
    st.datetimes().map(lambda at: at.isoformat()),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.datetimes().map(lambda at: at.replace(microsecond=0).isoformat(" ") + "+05:30"),
    st.sampled_from(["2025-03-30T02:30:00", "2025-10-26T02:30:00", "2025-01-01", "soon", "20250101T000000", "1e9"]),
    st.floats(0, 2e9),
)
NAMES = st.sampled_from(["a", "b", "7", "", None, "x" * 300])
CELLS = st.one_of(st.none(), st.integers(-5, 5), st.floats(-1e6, 1e6), st.sampled_from(["on", "7.5x", "Ä\n"]))


def as_messages(contract: Contract, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The readings of the rows as JSON messages."""
    found = []
    for position, row in enumerate(rows):
        payload = json.dumps({key: value for key, value in row.items() if value is not None}).encode()
        envelope = Envelope("import/x", payload, utc_from_micros(NOW), "s", position)
        found += [item for item in decode_message([contract], envelope, LIMITS) if isinstance(item, Reading)]
    return sorted(
        (
            r.position,
            r.device_id,
            r.metric,
            r.event_at.replace(tzinfo=None),
            r.value,
            r.text or "",
            r.unit or "",
            str(r.tags),
        )
        for r in found
    )


def as_import(contract: Contract, frame: pl.DataFrame) -> tuple[list[tuple[Any, ...]], set[int]]:
    """The readings of a file, and the rows that were refused whole."""
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home")
        path = Path(name) / "x.parquet"
        frame.write_parquet(path)
        imported(home, path, contract=contract)
        refused = {row["position"] for row in quarantined(home) if row["scope"] == "message"}
        rows = landed(home).rows(named=True) if list(home.landing.glob("*/*.parquet")) else []
    keys = ("position", "device_id", "metric", "event_at", "value")
    return sorted(
        (*(row[key] for key in keys), row["text"] or "", row["unit"] or "", str(row["tags"])) for row in rows
    ), refused


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"id": NAMES, "ts": TIMES, "t": CELLS, "u": st.integers(0, 3), "unit": NAMES}), min_size=1
    ),
    st.sampled_from(["text", "ignore"]),
)
def test_wide_rows_and_messages_agree(rows: list[dict[str, Any]], strings: Any) -> None:
    contract = Contract(
        name="w", topic="#", layout="wide", device=ValueSource(field=("id",)), strings=strings,
        tags={"u": ValueSource(field=("u",))},
        time=TimeSource(field=("ts",), timezone="Europe/Berlin", required=True),
    )  # fmt: skip
    _agree(contract, rows)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": NAMES, "ts": TIMES, "metric": NAMES, "value": CELLS, "unit": NAMES, "n": st.integers(0, 3)}
        ),
        min_size=1,
    ),
    st.sampled_from(["evolve", "quarantine", "ignore"]),
)
def test_long_rows_and_messages_agree(rows: list[dict[str, Any]], unknown: Any) -> None:
    contract = Contract(
        name="l", topic="#", layout="long", device=ValueSource(field=("id",)), rename={"a": "alpha"},
        unknown_fields=unknown,
        metrics=("alpha", "7", "n"), time=TimeSource(field=("ts",), required=True),
    )  # fmt: skip
    _agree(contract, rows)


def _agree(contract: Contract, rows: list[dict[str, Any]]) -> None:
    """Through Parquet of texts, so that both see the same cells; numbers as text are numbers in a table."""
    frame = pl.DataFrame(
        {
            key: pl.Series([None if row[key] is None else str(row[key]) for row in rows], dtype=pl.String)
            for key in rows[0]
        }
    )
    found, refused = as_import(contract, frame)
    assert found == as_messages(contract, rows)
    assert refused == set(range(len(rows))) - {row[0] for row in found}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(TIMES.filter(lambda value: value is not None).map(str), min_size=1, max_size=8),
    st.sampled_from(["auto", "iso", "s", "ms", "us", "ns"]),
    st.sampled_from(["UTC", "Europe/Berlin", "+05:30"]),
)
def test_times_of_columns_and_single_times_agree(texts: list[str], form: Any, where: str) -> None:
    source = TimeSource(format=form, timezone=where)
    read = time_reader(form, zone(where))
    at, reasons = times_of(pl.Series(texts, dtype=pl.String), source)
    for row, text in enumerate(texts):
        single = read(text)
        if isinstance(single, UnclearTime):
            single = single.resolve(None, "refuse")
        assert (at[row] if row not in reasons else reasons[row].reason) == single
