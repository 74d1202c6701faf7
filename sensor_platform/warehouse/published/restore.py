"""Restores rows before the retention horizon from published Parquet into a new warehouse file."""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, from_micros, start_of_day
from sensor_platform.landing.ledger import Horizon
from sensor_platform.warehouse.file.connection import NEW
from sensor_platform.warehouse.file.duckdb_sql import has_table, literal, quoted, transaction
from sensor_platform.warehouse.lineage import Model, models
from sensor_platform.warehouse.published.views import COLUMNS_FILE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def restore_rows(home: Home, connection: "DuckDBPyConnection", horizon: Horizon) -> dict[str, int]:
    """Fill the windows of every table that cannot be built again from its published files; returns rows by table.

    One transaction, once per warehouse file. Tables of predictions are not included: they are copied completely by
    `ensure_predictions`. The tables must exist: their columns are those of this version, and further columns of a file
    are ignored. These windows get no state, so that they are neither built nor published again.
    """
    rows: dict[str, int] = {}
    with transaction(connection):
        for model in models().values():
            if (
                model.builder == "publish"
                or not model.is_published
                or model.is_irreproducible
                or model.grain == "whole"
            ):
                continue
            if has_table(connection, model.name):
                count = _fill(home, connection, model, horizon)
                if count:
                    rows[model.name] = count
        connection.execute(f"drop table {NEW}")
    return rows


def _fill(home: Home, connection: "DuckDBPyConnection", model: Model, horizon: Horizon) -> int:
    paths = sorted((home.published / model.name).glob("day=*/*.parquet"))
    files = [str(path) for path in paths if _is_wanted(path, horizon)]
    if not files:
        return 0
    sources = ", ".join(literal(file) for file in files)
    source = f"read_parquet([{sources}], union_by_name = true, hive_partitioning = false)"
    there = [name for name, *_ in connection.execute(f"describe select * from {source}").fetchall()]  # noqa: S608
    if model.name == "readings_1h_wide":
        _add_metric_columns(connection, there)
    known = {name for name, *_ in connection.execute(f"describe {model.name}").fetchall()}
    columns = ", ".join(quoted(name) for name in there if name in known)
    held = [from_micros(start) for start in sorted(horizon.held)] if model.grain == "slot" else []
    floor = from_micros(max(horizon.floor, 0))
    done = connection.execute(
        f"insert into {model.name} by name select {columns} from {source}"  # noqa: S608 - our own names, quoted
        f" where {model.window_column} < ? or list_contains(?::timestamp[], {model.window_column})",
        [floor, held],
    ).fetchone()
    return int(done[0]) if done else 0


def _is_wanted(path: Path, horizon: Horizon) -> bool:
    if str(path).endswith(COLUMNS_FILE):
        return False
    day = start_of_day(date.fromisoformat(path.parent.name.removeprefix("day=")))
    return day < horizon.floor or any(day <= start < day + DAY for start in horizon.held)


def _add_metric_columns(connection: "DuckDBPyConnection", names: Collection[str]) -> None:
    """Add the columns that this warehouse does not have yet to the wide table; each is named like its metric."""
    known = {name.lower() for name, *_ in connection.execute("describe readings_1h_wide").fetchall()}
    for name in names:
        if name.lower() not in known:
            connection.execute(f"alter table readings_1h_wide add column {quoted(name)} double")
            connection.execute("insert into metric_columns values (?, ?)", [name, name])
