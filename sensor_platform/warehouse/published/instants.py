"""Published times are instants: each view of `main` has them as TIMESTAMPTZ, whatever the reader's time zone is.

The same views stand in schema `plain` with times as plain UTC (TIMESTAMP), as the tables have them. The platform's own
readers use those.
"""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sensor_platform.warehouse.file.duckdb_sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PLAIN = "plain"

_STATEMENT = re.compile(r'create (view|macro) "?(\w+)"?(?:\(([\w, ]*)\))? as(?: table)?\n(.*)', re.DOTALL)


def create_plain(connection: "DuckDBPyConnection", statements: Sequence[str]) -> None:
    """Make these views in schema `plain` only, beside tables of `main` that have instants."""
    connection.execute(f"create schema if not exists {PLAIN}")
    for statement in statements:
        _, name, _, body = parts(statement)
        connection.execute(f"create view {PLAIN}.{quoted(name)} as\n{body}")


def create(connection: "DuckDBPyConnection", statements: Sequence[str]) -> None:
    """Make these views and table macros in the file's schemas `plain` and `main`.

    Args:
        connection: whose default database is the published file.
        statements: `create view` and `create macro`, with times as plain UTC. Plain times that are given to a macro are
            UTC, those with a zone are instants.
    """
    connection.execute(f"create schema if not exists {PLAIN}")
    for statement in statements:
        kind, name, arguments, body = parts(statement)
        if kind == "view":
            connection.execute(f"create view {PLAIN}.{quoted(name)} as\n{body}")
            columns = connection.execute(f"describe {PLAIN}.{quoted(name)}").fetchall()
            # DuckDB 1.4 cannot read a stored view that has WITH in a subquery.
            query = f"from {PLAIN}.{quoted(name)}" if body.startswith("with ") else body
            connection.execute(f"create view main.{quoted(name)} as\n{as_instants(query, columns)}")
            continue
        body = _with_plain_arguments(body, arguments)
        connection.execute(f"create macro {PLAIN}.{name}({', '.join(arguments)}) as table\n{body}")
        given = ", ".join("timestamp '2026-01-01'" for _ in arguments)
        columns = connection.execute(f"describe select * from {PLAIN}.{name}({given})").fetchall()  # noqa: S608
        connection.execute(f"create macro main.{name}({', '.join(arguments)}) as table\n{as_instants(body, columns)}")


def parts(statement: str) -> tuple[str, str, list[str], str]:
    """`view` or `macro`, its name, the names of its arguments, and its query."""
    found = _STATEMENT.fullmatch(statement)
    assert found is not None, statement
    kind, name, arguments, body = found.groups()
    return kind, name, [each.strip() for each in (arguments or "").split(",") if each.strip()], body


def as_instants(query: str, columns: Sequence[Sequence[object]]) -> str:
    """The query with its times as instants; `columns` begin with name and type, of which plain times are TIMESTAMP."""
    return _replaced(query, columns, "TIMESTAMP", "make_timestamptz")


def as_plain(query: str, columns: Sequence[Sequence[object]]) -> str:
    """The query with its instants as plain UTC."""
    return _replaced(query, columns, "TIMESTAMP WITH TIME ZONE", "make_timestamp")


def over_plain(query: str, tables: Collection[str]) -> str:
    """A query over tables and views of the file, to read those of schema `plain`."""
    return re.sub(rf"\b(from|join) ({'|'.join(tables)})\b", rf"\1 {PLAIN}.\2", query)


def _replaced(query: str, columns: Sequence[Sequence[object]], kind: str, function: str) -> str:
    times = [quoted(str(name)) for name, found, *_ in columns if str(found) == kind]
    if not times:
        return query
    replaced = ", ".join(f"{function}(epoch_us({name})) as {name}" for name in times)
    return f"select * replace ({replaced}) from (\n{query}\n)"  # noqa: S608 - our own names


def _with_plain_arguments(body: str, arguments: Sequence[str]) -> str:
    for name in arguments:
        body = re.sub(rf'(?<!")\b{name}\b(?!")', f"make_timestamp(epoch_us({name}))", body)
    return body
