"""State tables of the warehouse: what each window was built from. Written in the transaction of the rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import from_micros
from sensor_platform.warehouse.file.duckdb_sql import transaction
from sensor_platform.warehouse.lineage import models
from sensor_platform.warehouse.staleness import ledger_evidence
from sensor_platform.warehouse.staleness.propagation import Built

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLES = """
create table if not exists state (model varchar, window_start timestamp, generation varchar, position bigint);
create table if not exists work (model varchar, window_start timestamp, generation varchar, position bigint);
create table if not exists work_stamp (invocation varchar);
create table if not exists work_final (final_before timestamp);
create table if not exists revision_seed (
    model varchar, device_id varchar, metric varchar, window_start timestamp, revision integer
);
create table if not exists uncopied (model varchar, window_start timestamp);
create table if not exists unpublished (model varchar, window_start timestamp);
create table if not exists followed (model varchar);
create table if not exists unit_conversions (
    unit varchar, to_unit varchar, gain double, value_offset double
);
create table if not exists metric_columns (metric varchar, column_name varchar);
"""


def ensure_tables(connection: "DuckDBPyConnection") -> None:
    """Create the state and the work list where they are missing."""
    connection.execute(_TABLES)
    connection.execute("delete from unpublished where not list_contains(?, model)", [_published_tables()])


def _published_tables() -> list[str]:
    """Tables with a published copy; of others nobody would ever take the windows out of the list."""
    return [model.parents[0] for model in models().values() if model.builder == "publish"]


def read_state(
    connection: "DuckDBPyConnection", names: Iterable[str], start: int, end: int
) -> dict[str, dict[int, Built]]:
    """State of the named models for windows in [start, end), microseconds, and of tables that are rebuilt as one."""
    found: dict[str, dict[int, Built]] = {name: {} for name in names}
    rows = connection.execute(
        "select model, epoch_us(window_start), generation, position from state"
        " where list_contains(?, model)"
        " and (window_start >= ? and window_start < ? or window_start = timestamp '1970-01-01 00:00:00')",
        [list(found), from_micros(start), from_micros(end)],
    ).fetchall()
    for model, window, generation, position in rows:
        found[model][window] = Built(generation, position)
    return found


def write_work(
    connection: "DuckDBPyConnection",
    invocation: str,
    work: Mapping[str, Mapping[int, Built]],
    final_before: datetime | None = None,
) -> None:
    """Replace the work list and stamp it with its invocation.

    Args:
        connection: the open warehouse.
        invocation: the stamp.
        work: windows to rebuild, by model.
        final_before: windows that ended before this, plain UTC, are final to readers; None if none is.
    """
    with transaction(connection):
        connection.execute("delete from work")
        connection.execute("delete from work_stamp")
        for name, windows in work.items():
            _insert(connection, "work", name, windows)
        connection.execute("insert into work_stamp values (?)", [invocation])
        connection.execute("delete from work_final")
        connection.execute("insert into work_final values (?)", [final_before])


def clear_work(connection: "DuckDBPyConnection") -> None:
    """Delete the work list, so that no later invocation uses it."""
    connection.execute("delete from work")
    connection.execute("delete from work_stamp")


def record(connection: "DuckDBPyConnection", model: str, windows: Mapping[int, Built]) -> None:
    """Record what these windows were built from; inside the caller's transaction."""
    connection.execute("create or replace temp table recorded as select * from state limit 0")
    _insert(connection, "recorded", model, windows)
    connection.execute(
        "delete from state where model = ? and window_start in (select window_start from recorded)", [model]
    )
    connection.execute("insert into state select * from recorded")
    connection.execute("insert into uncopied select model, window_start from recorded")
    if model in _published_tables():
        connection.execute("insert into unpublished select model, window_start from recorded")


def copy_recorded(home: Home, connection: "DuckDBPyConnection") -> None:
    """Copy what `record` committed to the ledger; after a crash the next writer copies it."""
    rows = connection.execute(
        "select distinct model, epoch_us(window_start), generation, position from state"
        " join uncopied using (model, window_start)"
    ).fetchall()
    found: dict[str, dict[int, Built]] = {}
    for model, window, generation, position in rows:
        found.setdefault(model, {})[window] = Built(generation, position)
    if found:
        ledger_evidence.copy_to_ledger(home, found)
        connection.execute("delete from uncopied")


def forget(connection: "DuckDBPyConnection", model: str) -> None:
    """Mark every window of a model as dirty."""
    connection.execute("delete from state where model = ?", [model])
    connection.execute("delete from followed where model = ?", [model])


def forget_windows(connection: "DuckDBPyConnection", copy: str, table: str, starts: Sequence[datetime]) -> None:
    """Mark these files of a published copy as dirty; starts in plain UTC."""
    with transaction(connection):
        connection.execute(
            "delete from state where model = ? and list_contains(?::timestamp[], window_start)", [copy, list(starts)]
        )
        connection.execute("insert into unpublished select ?, unnest(?::timestamp[])", [table, list(starts)])


def is_followed(connection: "DuckDBPyConnection", copy: str) -> bool:
    """Whether `unpublished` lists everything that the published copy lacks; if not, the whole state is compared."""
    return bool(connection.execute("select 1 from followed where model = ?", [copy]).fetchall())


def follow(connection: "DuckDBPyConnection", copy: str, table: str) -> None:
    """Record that the published copy is complete; from then on only windows recorded later are compared."""
    with transaction(connection):
        connection.execute("delete from unpublished where model in (?, ?)", [table, copy])
        connection.execute("delete from followed where model = ?", [copy])
        connection.execute("insert into followed values (?)", [copy])


def _insert(connection: "DuckDBPyConnection", table: str, model: str, windows: Mapping[int, Built]) -> None:
    """Append rows; passed as columns, because one parameter per row is slow."""
    if not windows:
        return
    connection.execute(
        f"insert into {table} select ?, make_timestamp(unnest(?::bigint[])), unnest(?::varchar[]), unnest(?::bigint[])",
        [
            model,
            list(windows),
            [built.generation for built in windows.values()],
            [built.position for built in windows.values()],
        ],
    )
