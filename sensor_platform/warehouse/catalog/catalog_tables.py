"""The catalog that the warehouse was last built with: four small tables, replaced together when a row differs."""

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

from sensor_platform.warehouse.catalog.catalog_model import CalibrationPeriod, Catalog, Device, Metric, SiteFacts
from sensor_platform.warehouse.catalog.kind_versions import record_kinds
from sensor_platform.warehouse.file.duckdb_sql import transaction
from sensor_platform.warehouse.lineage import CATALOG_TABLES, WHOLE
from sensor_platform.warehouse.staleness import state
from sensor_platform.warehouse.staleness.propagation import Built

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = {
    "catalog_site": "slot_minutes integer, allowed_lateness_hours double, fill_minutes double, fill_hours double",
    "catalog_devices": "device_id varchar, site varchar, area varchar, type varchar, cadence_s double",
    "catalog_metrics": (
        "metric varchar, unit varchar, kind varchar, min_value double, max_value double, max_change_per_s double,"
        " compare_within_s double, stuck_after_s double, warn_low double, warn_high double, alarm_low double,"
        " alarm_high double"
    ),
    "catalog_calibration": (
        "device_id varchar, metric varchar, gain double, value_offset double, valid_from timestamp, valid_to timestamp"
    ),
}
"""In the order of the fields of their rows."""
assert tuple(_COLUMNS) == CATALOG_TABLES

_Row = SiteFacts | Device | Metric | CalibrationPeriod


def read_tables(connection: "DuckDBPyConnection") -> tuple[SiteFacts | None, Catalog] | None:
    """Settings and catalog that the warehouse was last built with; None if it has none, or one of an older version."""
    if not all(_has_columns(connection, table) for table in _COLUMNS):
        return None
    site = [SiteFacts(*row) for row in _rows(connection, "catalog_site")]
    catalog = Catalog(
        tuple(Device(*row) for row in _rows(connection, "catalog_devices")),
        tuple(Metric(*row) for row in _rows(connection, "catalog_metrics")),
        tuple(CalibrationPeriod(*row) for row in _rows(connection, "catalog_calibration")),
    )
    return (site[0] if site else None), catalog


def write_tables(connection: "DuckDBPyConnection", site: SiteFacts, catalog: Catalog, built: Built) -> None:
    """Replace all four in one transaction, with their state, so that they are published again."""
    rows: dict[str, tuple[_Row, ...]] = {
        "catalog_site": (site,),
        "catalog_devices": catalog.devices,
        "catalog_metrics": catalog.metrics,
        "catalog_calibration": catalog.calibration,
    }
    with transaction(connection):
        for table, columns in _COLUMNS.items():
            connection.execute(f"create or replace table {table} ({columns})")
            if rows[table]:
                marks = ", ".join("?" * len(fields(rows[table][0])))
                connection.executemany(f"insert into {table} values ({marks})", [astuple(row) for row in rows[table]])  # noqa: S608 - our own
            state.record(connection, table, {WHOLE: built})
        record_kinds(connection)


def recorded_generation(connection: "DuckDBPyConnection") -> str | None:
    """Epoch of the ledger that the catalog was recorded for; None if it was never written."""
    row = connection.execute("select generation from state where model = ?", [CATALOG_TABLES[0]]).fetchone()
    return None if row is None else str(row[0])


def _has_columns(connection: "DuckDBPyConnection", table: str) -> bool:
    found = connection.execute("select column_name from duckdb_columns() where table_name = ?", [table]).fetchall()
    wanted = [column.split()[0] for column in _COLUMNS[table].split(",")]
    return sorted(name for (name,) in found) == sorted(wanted)


def _rows(connection: "DuckDBPyConnection", table: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection.execute(f"select * from {table} order by all").fetchall()  # noqa: S608 - our own
    return rows
