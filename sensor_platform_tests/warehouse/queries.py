"""Queries of published files."""

from pathlib import Path
from typing import Any

import duckdb


def ask(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows with times as plain UTC."""
    with duckdb.connect(str(file), read_only=True) as connection:
        if connection.execute("select 1 from duckdb_schemas() where schema_name = 'plain'").fetchall():
            connection.execute("set schema = 'plain'")
        rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return rows
