"""Deletes the rows of what is forgotten from every table, also where no build can make a window again.

What is left of a window that the range cuts is built again from landing, where landing still has it. Published files
with such rows are written again by the next publish.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE, from_micros, to_micros
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import quoted, table_names, transaction
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import READINGS, Model, models, published, tiers
from sensor_platform.warehouse.staleness import state

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_EVER = 1 << 57


class Forgets(Protocol):
    """What is forgotten; see `landing.forget.rule`. Times are microseconds, UTC."""

    @property
    def at(self) -> int:
        """Moment of the command."""
        ...

    @property
    def device(self) -> str | None:
        """Device, or None for all."""
        ...

    @property
    def metric(self) -> str | None:
        """Metric, or None for all."""
        ...

    @property
    def topic(self) -> str | None:
        """Topic filter, or None for all."""
        ...

    @property
    def first(self) -> int | None:
        """Event time, included."""
        ...

    @property
    def end(self) -> int | None:
        """Event time, excluded; None: what came before `at`."""
        ...


@dataclass(frozen=True, slots=True)
class DeletedRows:
    """Rows that were deleted from one table, or would be."""

    table: str
    rows: int


def delete_forgotten(
    home: Home, site: WarehouseSite, rule: Forgets, *, is_real: bool = True
) -> list[DeletedRows] | None:
    """Delete what a rule takes from every table; see `delete_rows`. None where no table was ever made.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    if not home.warehouse_file.exists():
        return None
    with (
        writer_lock(home, "forget", wait_seconds=site.warehouse.lock_wait_seconds),
        open_warehouse(home, site.warehouse) as connection,
    ):
        return delete_rows(connection, site, rule, is_real=is_real)


def delete_rows(
    connection: "DuckDBPyConnection", site: WarehouseSite, rule: Forgets, *, is_real: bool = True
) -> list[DeletedRows]:
    """Delete what a rule takes from every table that names devices; a rule of a topic deletes nothing here.

    A table does not name the topic of a row: such rows follow when their slots are built again.

    Args:
        connection: the open warehouse, under the writer lock.
        site: slot length and warehouse settings.
        rule: what is forgotten.
        is_real: False only counts.
    """
    if rule.topic is not None:
        return []
    slot = site.slot_minutes * MINUTE
    known = models(site.warehouse.large_piece)
    found: list[DeletedRows] = []
    for table in sorted(table_names(connection)):
        model = known.get(table)
        if model is None or model.builder == "catalog":
            continue
        columns = {name for name, *_ in connection.execute(f"describe {table}").fetchall()}
        if "device_id" not in columns:
            continue
        change = _change(connection, model, rule, columns, slot)
        if change is not None:
            found.append(
                DeletedRows(
                    table, _apply(connection, model, known.get(published(table)), change, slot, is_real=is_real)
                )
            )
    return [each for each in found if each.rows]


@dataclass(frozen=True, slots=True)
class _Change:
    statement: str
    """Deletes, or empties a column."""
    condition: str
    parameters: Sequence[object]


def _change(
    connection: "DuckDBPyConnection", model: Model, rule: Forgets, columns: set[str], slot: int
) -> _Change | None:
    """What happens to a table; None where its rows have no metric: they are built again."""
    terms = [*_names(rule, columns), *_times(model, rule, slot)]
    statement = f"delete from {model.name}"  # noqa: S608 - our own names
    if rule.metric is not None and "metric" not in columns:
        column = _wide_column(connection, rule.metric, columns)
        if column is None:
            return None
        statement = f"update {model.name} set {quoted(column)} = null"  # noqa: S608 - quoted
        terms.append((f"{quoted(column)} is not null", ()))
    return _Change(statement, " and ".join(term for term, _ in terms), [each for _, some in terms for each in some])


def _names(rule: Forgets, columns: set[str]) -> Iterator[tuple[str, Sequence[object]]]:
    yield "true", ()
    if rule.device is not None:
        yield "device_id = ?", (rule.device,)
    if rule.metric is not None and "metric" in columns:
        yield "metric = ?", (rule.metric,)


def _times(model: Model, rule: Forgets, slot: int) -> Iterator[tuple[str, Sequence[object]]]:
    """Conditions on the windows that the range of the rule touches."""
    first, end = (-_EVER if rule.first is None else rule.first), (_EVER if rule.end is None else rule.end)
    if model.name == READINGS:
        yield "epoch_us(event_at) >= ? and epoch_us(event_at) < ?", (first, end)
        if rule.end is None:
            yield "(epoch_us(event_at) < ? or epoch_us(received_at) <= ?)", (rule.at, rule.at)
    elif model.grain != "whole":
        seconds = tiers().get(model.name)
        size = seconds * 1_000_000 if seconds else model.size(slot) or 0
        start = f"epoch_us({model.window_column})"
        yield f"{start} + {size} > ? and {start} < ?", (first, end if rule.end is not None else rule.at + 1)


def _wide_column(connection: "DuckDBPyConnection", metric: str, columns: set[str]) -> str | None:
    """The column of a metric in a table with one column for each metric."""
    rows = connection.execute("select column_name from metric_columns where metric = ?", [metric]).fetchall()
    return next((name for (name,) in rows if name in columns), None)


def _apply(
    connection: "DuckDBPyConnection", model: Model, copy: Model | None, change: _Change, slot: int, *, is_real: bool
) -> int:
    column = "timestamp '1970-01-01'" if model.grain == "whole" else model.window_column
    windows = connection.execute(
        f"select {column}, count(*) from {model.name} where {change.condition} group by 1",  # noqa: S608 - our own names
        change.parameters,
    ).fetchall()
    if windows and is_real:
        with transaction(connection):
            connection.execute(f"{change.statement} where {change.condition}", change.parameters)
        if copy is not None and copy.grain == "whole":
            state.forget(connection, copy.name)
        elif copy is not None:
            starts = sorted({copy.floor(to_micros(start), slot) for start, _ in windows})
            state.forget_windows(connection, copy.name, model.name, [from_micros(start) for start in starts])
    return sum(count for _, count in windows)
