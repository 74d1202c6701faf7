"""Which days of which tables retention has deleted, recorded in the warehouse."""

from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import from_micros

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLE = "create table if not exists trimmed (model varchar, day timestamp, rows bigint, trimmed_at timestamp)"


def ensure_table(connection: "DuckDBPyConnection") -> None:
    """Create the table `trimmed` if it does not exist."""
    connection.execute(_TABLE)


def read(connection: "DuckDBPyConnection") -> dict[str, set[int]]:
    """Model to the starts of its trimmed days, microseconds since the epoch, UTC."""
    ensure_table(connection)
    found: dict[str, set[int]] = {}
    for model, day in connection.execute("select model, epoch_us(day) from trimmed").fetchall():
        found.setdefault(model, set()).add(day)
    return found


def record(connection: "DuckDBPyConnection", model: str, day: int, rows: int, now: int) -> None:
    """Record that a day was deleted; in the transaction that deletes it."""
    connection.execute("delete from trimmed where model = ? and day = ?", [model, from_micros(day)])
    connection.execute("insert into trimmed values (?, ?, ?, ?)", [model, from_micros(day), rows, from_micros(now)])
