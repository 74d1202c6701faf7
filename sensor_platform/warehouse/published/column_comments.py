"""Comments on the columns of `analytics.duckdb` and of snapshots: what SQL clients show beside a name.

The columns of dbt's tables have the descriptions of the project's yml files. `columns.yml` describes those that Python
and the published views add. A table's own description comes before the common one of a name.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from sensor_platform.kernel.yaml_file import read_yaml
from sensor_platform.warehouse.file.duckdb_sql import literal, quoted
from sensor_platform.warehouse.lineage import DBT_PROJECT, dbt_tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OWN_FILE = Path(__file__).with_name("columns.yml")
COMMON = "common"
"""Key of `columns.yml` with the names that mean the same in every table."""
_OF_A_METRIC = "Hourly mean of the metric that the column is named after; null where nothing came."
"""Columns that data adds."""

Descriptions = Mapping[str, Mapping[str, str]]
"""Table to column to text."""


@cache
def descriptions() -> Descriptions:
    """All descriptions: the dbt project's, and those of `columns.yml`."""
    found: dict[str, dict[str, str]] = {name: dict(texts) for name, texts in own_descriptions().items()}
    for path in sorted((DBT_PROJECT / "models").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models") or ():
            texts = found.setdefault(model["name"], {})
            for column in model.get("columns") or ():
                if text := " ".join(column.get("description", "").split()):
                    texts.setdefault(column["name"], text)
    return found


@cache
def own_descriptions() -> Descriptions:
    """The descriptions of `columns.yml`."""
    return read_yaml(OWN_FILE, dict[str, dict[str, str]])


def fingerprint() -> str:
    """Changes with any description."""
    return hashlib.sha256(msgspec.json.encode(descriptions(), order="sorted")).hexdigest()[:16]


def comment(connection: "DuckDBPyConnection") -> None:
    """Describe every column of the tables and views in the connection's default database.

    A column that nothing describes has no comment.
    """
    texts = descriptions()
    rows: list[tuple[Any, ...]] = connection.execute(
        "select c.schema_name, c.table_name, c.column_name from duckdb_columns() as c"
        " where not c.internal and c.database_name = current_database() order by all"
    ).fetchall()
    statements = [
        f"comment on column {quoted(schema)}.{quoted(table)}.{quoted(column)} is {literal(text)}"
        for schema, table, column in rows
        if (text := _text(texts, table, column)) is not None
    ]
    connection.execute(";\n".join(["begin", *statements, "commit"]))


def _text(texts: Descriptions, table: str, column: str) -> str | None:
    own = texts.get(table, {}).get(column) or texts[COMMON].get(column)
    known = dbt_tables().get(table)
    return own or (_OF_A_METRIC if known is not None and known.has_growing_columns else None)
