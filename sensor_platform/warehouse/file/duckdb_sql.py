"""Small pieces of SQL that every module of the warehouse needs: quoting, which tables exist, one transaction."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_IDENTIFIER = '"{}"'


def quoted(name: str) -> str:
    """An identifier; quotes in it are doubled, because names of metrics are data."""
    return _IDENTIFIER.format(name.replace('"', '""'))


def literal(text: str) -> str:
    """A string literal, for statements that take no parameter (views, COPY)."""
    return "'" + text.replace("'", "''") + "'"


def table_names(connection: "DuckDBPyConnection") -> set[str]:
    """Names of the tables of this connection, temporary ones included."""
    return {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}


def has_table(connection: "DuckDBPyConnection", name: str) -> bool:
    """Whether the table exists."""
    return bool(connection.execute("select 1 from duckdb_tables() where table_name = ?", [name]).fetchall())


@contextlib.contextmanager
def transaction(connection: "DuckDBPyConnection") -> Iterator[None]:
    """Commit when the block ends, roll back when it raises."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
