"""The content of everything published."""

from pathlib import Path

import duckdb

DERIVED = {"expected_n", "completeness", "not_good_share", "is_final", "day"}


def content(file: Path) -> dict[str, list[str]]:
    """Every row of every published table, without the piece's own column."""
    with duckdb.connect(str(file), read_only=True) as connection:
        if connection.execute("select 1 from duckdb_schemas() where schema_name = 'plain'").fetchall():
            connection.execute("set schema = 'plain'")  # times as plain UTC
        names = [name for (name,) in connection.execute("show tables").fetchall()]
        found = {}
        for name in names:
            columns = [column for column, *_ in connection.execute(f"describe {name}").fetchall()]
            columns = [column for column in columns if column not in DERIVED or name.startswith("catalog")]
            quoted = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
            found[name] = sorted(map(repr, connection.execute(f"select {quoted} from {name}").fetchall()))
        return found
