"""The ledger's records of drift and of readings before the retention horizon, published as one file per day.

They are written from the ledger, not from the warehouse. A day is written again when it holds something else.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, from_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.landing.ledger import (
    drift_fingerprints,
    drift_rows,
    late_fingerprints,
    late_rows,
    read_ledger,
)
from sensor_platform.warehouse.published.ledger_days import changed_days, remember_days
from sensor_platform.warehouse.published.withdrawal import withdraw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """One table of the ledger, as analysts see it."""

    columns: tuple[tuple[str, str], ...]
    """Names and DuckDB types; the first is the time that its day is taken from."""
    fingerprints: Callable[[sqlite3.Connection], dict[int, str]]
    """Day (since the epoch) to a text that changes whenever the rows of the day change."""
    rows: Callable[[sqlite3.Connection, int, int], list[tuple[object, ...]]]
    """The rows between two times, columns as above; times are microseconds since the epoch, UTC."""


TABLES: Mapping[str, LedgerTable] = {
    "drift": LedgerTable(
        (
            ("received_at", "TIMESTAMP"),
            ("device_id", "VARCHAR"),
            ("metric", "VARCHAR"),
            ("what", "VARCHAR"),
            ("was", "VARCHAR"),
            ("now", "VARCHAR"),
            ("segment", "VARCHAR"),
        ),
        drift_fingerprints,
        drift_rows,
    ),
    "late_frozen": LedgerTable(
        (("slot_start", "TIMESTAMP"), ("rows", "BIGINT"), ("received_at", "TIMESTAMP"), ("segment", "VARCHAR")),
        late_fingerprints,
        late_rows,
    ),
}


def publish_ledger_tables(home: Home, connection: "DuckDBPyConnection") -> int:
    """Write the days that changed and remove those that no longer exist; returns the number of files."""
    with read_ledger(home) as ledger:
        return sum(_publish(home, connection, ledger, name, table) for name, table in TABLES.items()) if ledger else 0


def _publish(
    home: Home, connection: "DuckDBPyConnection", ledger: sqlite3.Connection, name: str, table: LedgerTable
) -> int:
    held = table.fingerprints(ledger)
    changed = changed_days(connection, name, held, lambda day: _path(home, name, day).exists())
    for day in changed.due:
        _write(_path(home, name, day), table, table.rows(ledger, day * DAY, (day + 1) * DAY))
    folder, kept = home.published / name, {_path(home, name, day) for day in held}
    withdraw(folder, sorted({*folder.glob("day=*/0000.parquet")} - kept))
    remember_days(connection, name, held, changed)
    return len(changed.due) + len(changed.gone)


def _path(home: Home, name: str, day: int) -> Path:
    return home.published / name / f"day={from_micros(day * DAY):%Y-%m-%d}" / "0000.parquet"


def _write(path: Path, table: LedgerTable, rows: list[tuple[object, ...]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"TIMESTAMP": pa.timestamp("us"), "VARCHAR": pa.string(), "BIGINT": pa.int64()}
    schema = pa.schema([(column, kinds[kind]) for column, kind in table.columns])
    columns = [list(values) for values in zip(*rows, strict=True)]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    with replacing(path) as temporary:
        pq.write_table(pa.table(arrays, schema=schema), temporary, compression="zstd")
