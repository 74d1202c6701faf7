"""Read-only SQL queries on the published tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.published.published_file import open_published

_EXPLAIN = re.compile(r"\s*explain\s*(analyze\b|\([^)]*\))?", re.IGNORECASE)
_ONLY_READS = (
    "only queries are allowed here; write SELECT ..., or open `published/analytics.duckdb` with DuckDB yourself"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def ask(home: Home, sql: str, parameters: Sequence[Any] = ()) -> Answer:
    """Run one SELECT (or EXPLAIN, DESCRIBE, SHOW) on `published/analytics.duckdb`. Never waits for a writer.

    Times are plain UTC.

    Raises:
        WrongUse: nothing is published yet, the SQL is wrong, or it would write.
        Unreachable: the folder was moved or copied, so that its views read files elsewhere.
    """
    import duckdb

    if not home.analytics_file.exists():
        raise WrongUse(f"nothing is published in {home.published}", "run `sensor-platform publish` first")
    with open_published(home) as connection:
        try:
            _check(connection, sql)
            result = connection.execute(sql, list(parameters))
            columns = [column[0] for column in result.description or ()]
            return Answer(columns, result.fetchall())
        except duckdb.Error as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise WrongUse(lines[0], _hint(lines)) from error


def _check(connection: Any, sql: str) -> None:  # noqa: ANN401 - the driver's statement types are not typed
    """Refuse everything but one query. The file is opened read-only too, but COPY would write beside it."""
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise WrongUse(f"{len(statements)} statements instead of one", "run one statement at a time")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        _check(connection, _EXPLAIN.sub("", sql, count=1))
    elif kind != duckdb.StatementType.SELECT:
        raise WrongUse(f"refused: {kind.name} is not a query", _ONLY_READS)


def _hint(lines: Sequence[str]) -> str:
    """What the engine itself suggests, or where the tables are listed."""
    suggested = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate"))]
    return suggested[0] if suggested else '`sensor-platform query "show tables"` lists the tables'
