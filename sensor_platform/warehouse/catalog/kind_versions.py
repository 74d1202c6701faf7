"""Versions of metric kinds that the tiers were built with: a release may count in another way than the one before."""

from typing import TYPE_CHECKING

from sensor_platform.warehouse.catalog.catalog_model import Catalog
from sensor_platform.warehouse.catalog.changes import ALWAYS, Changed
from sensor_platform.warehouse.dbt.project_variables import metric_kind_versions
from sensor_platform.warehouse.file.duckdb_sql import has_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLE = "metric_kind_versions"


def changed_kinds(connection: "DuckDBPyConnection", catalog: Catalog) -> list[Changed]:
    """All readings of the metrics whose kind has another version than the tiers were built with."""
    built = _read(connection)
    changed = {kind for kind, version in metric_kind_versions().items() if built.get(kind, 1) != version}
    return [Changed(row.metric, None, *ALWAYS) for row in catalog.metrics if row.kind in changed]


def record_kinds(connection: "DuckDBPyConnection") -> None:
    """Note the versions of this release, in the transaction of the caller."""
    connection.execute(f"create or replace table {_TABLE} (kind varchar, version integer)")
    connection.executemany(f"insert into {_TABLE} values (?, ?)", [list(row) for row in metric_kind_versions().items()])  # noqa: S608 - our own


def _read(connection: "DuckDBPyConnection") -> dict[str, int]:
    """Versions by kind; empty for a warehouse of a release that had none, where each was 1."""
    if not has_table(connection, _TABLE):
        return {}
    return dict(connection.execute(f"select kind, version from {_TABLE}").fetchall())  # noqa: S608 - our own
