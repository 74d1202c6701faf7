"""The warehouse's own memory: what each window of each model was built from. Written in the transaction of the rows."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sensor_platform.warehouse.cascade import Built
from sensor_platform.warehouse.connection import from_micros

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLES = """
create table if not exists state (model varchar, window_start timestamp, generation varchar, position bigint);
create table if not exists work (model varchar, window_start timestamp, generation varchar, position bigint);
create table if not exists work_stamp (invocation varchar);
"""


def ensure_tables(connection: "DuckDBPyConnection") -> None:
    """Create the state and the work list where they are missing."""
    connection.execute(_TABLES)


def read_state(
    connection: "DuckDBPyConnection", names: Iterable[str], start: int, end: int
) -> dict[str, dict[int, Built]]:
    """State of the named models for windows in [start, end), microseconds."""
    found: dict[str, dict[int, Built]] = {name: {} for name in names}
    rows = connection.execute(
        "select model, epoch_us(window_start), generation, position from state"
        " where window_start >= ? and window_start < ? and list_contains(?, model)",
        [from_micros(start), from_micros(end), list(found)],
    ).fetchall()
    for model, window, generation, position in rows:
        found[model][window] = Built(generation, position)
    return found


def write_work(connection: "DuckDBPyConnection", invocation: str, work: Mapping[str, Mapping[int, Built]]) -> None:
    """Replace the work list by this one, stamped with the invocation that it is for."""
    rows = [(name, window, built) for name, windows in work.items() for window, built in windows.items()]
    connection.begin()
    connection.execute("delete from work")
    connection.execute("delete from work_stamp")
    if rows:
        columns = [
            [name for name, _, _ in rows],
            [window for _, window, _ in rows],
            [built.generation for _, _, built in rows],
            [built.position for _, _, built in rows],
        ]
        connection.execute(
            "insert into work select unnest(?::varchar[]), make_timestamp(unnest(?::bigint[])),"
            " unnest(?::varchar[]), unnest(?::bigint[])",
            columns,
        )
    connection.execute("insert into work_stamp values (?)", [invocation])
    connection.commit()


def clear_work(connection: "DuckDBPyConnection") -> None:
    """Forget the work list, so that no later invocation takes it for its own."""
    connection.execute("delete from work")
    connection.execute("delete from work_stamp")
