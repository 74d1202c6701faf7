"""Tables that Python makes (features, predictions): which windows are due, their inputs, and how they are replaced.

The guarantees are those of dbt models: work is derived, windows are replaced whole, rows and state in one transaction.
"""

import bisect
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE, from_micros, to_micros, utc_from_micros
from sensor_platform.kernel.days import ALL_TIME, Days, day_span
from sensor_platform.landing.ledger import read_ledger
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import has_table, quoted, transaction
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import Model, models, published
from sensor_platform.warehouse.staleness import state
from sensor_platform.warehouse.staleness.propagation import Built, Scope
from sensor_platform.warehouse.staleness.staleness import Staleness

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection


_HOUR = 60 * MINUTE
_DAY = 24
"""Hours."""


@dataclass(frozen=True, slots=True)
class Due:
    """Windows of one model that are due, and the state that each has afterwards."""

    model: str
    windows: Mapping[int, Built]
    """Start in microseconds since the epoch, UTC, to the state."""

    @property
    def starts(self) -> tuple[datetime, ...]:
        """Starts of the windows, aware UTC, oldest first."""
        return tuple(utc_from_micros(start) for start in sorted(self.windows))

    def pieces(self, hours: int) -> Iterator["Due"]:
        """The windows in pieces of at most `hours` hours, oldest first; one piece without windows if none is due.

        Pieces bound the memory; the empty piece lets a table be created while nothing is due.
        """
        if not self.windows:
            yield self
        starts = sorted(self.windows)
        low = 0
        while low < len(starts):
            high = bisect.bisect_left(starts, starts[low] + hours * _HOUR)
            yield Due(self.model, {at: self.windows[at] for at in starts[low:high]})
            low = high

    def between(self, first: datetime, last: datetime) -> "Due":
        """Those of the windows that start in [first, last)."""
        low, high = to_micros(first), to_micros(last)
        return Due(self.model, {start: built for start, built in self.windows.items() if low <= start < high})


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The open warehouse, used by the one writer. Made by `writer`."""

    home: Home
    slot: int
    """Length of a slot, microseconds."""
    connection: "DuckDBPyConnection"

    def due(self, model: str, days: Days | None = None, position: int | None = None) -> Due:
        """The windows of a Python model that must be made.

        Args:
            model: its name in the lineage, for instance `features`.
            days: windows that start in these days, both included; None for all.
            position: ledger position that triggered the run: only dirty windows. None: every window that ever had data.
        """
        made = _python_model(model)
        with read_ledger(self.home) as ledger:
            staleness = Staleness.of(ledger, self.slot)
        scope = _scope(days)
        start = scope.start - made.reach(self.slot)
        known = state.read_state(self.connection, [made.name, *made.parents], start, scope.end)
        return Due(model, staleness.windows([made], {}, known, scope, everything=position is None)[model])

    def read_hours(self, first: datetime, last: datetime, metrics: Sequence[str] | None = None) -> "pl.DataFrame":
        """Rows of readings_1h with `first <= window_start < last`, times as plain UTC, sorted; `metrics` None for all.

        Columns: device_id, metric, window_start, n, sum, min, max, mean, stddev, first, last, first_at, last_at, bad_n.
        """
        hours: pl.DataFrame = self.connection.sql(
            "select device_id, metric, window_start, n, sum, min, max, mean, stddev, first, last, first_at, last_at,"
            " bad_n from readings_1h where window_start >= ? and window_start < ?"
            " and (? is null or list_contains(?, metric)) order by metric, device_id, window_start",
            params=[_plain(first), _plain(last), *[None if metrics is None else list(metrics)] * 2],
        ).pl()
        return hours

    def hours_of(self, due: Due, metrics: Sequence[str], rows: int) -> int:
        """Hours that hold about `rows` hourly values of these metrics, going by the fullest one due; at least a day."""
        is_short = not due.windows or max(due.windows) - min(due.windows) < _DAY * _HOUR
        if is_short or not has_table(self.connection, "readings_1h"):
            return _DAY
        ((fullest,),) = self.connection.execute(
            "select max(n) from (select count(*) as n from readings_1h"
            " where window_start between ? and ? and list_contains(?::varchar[], metric) group by window_start)",
            [from_micros(min(due.windows)), from_micros(max(due.windows)), list(metrics)],
        ).fetchall()
        return max(_DAY, rows // max(1, fullest or 0))

    def read_windows(self, due: Due) -> "pl.DataFrame":
        """Rows of the model in the windows of `due`, times as plain UTC; without columns if it was never made."""
        import polars as pl

        made = _python_model(due.model)
        if not has_table(self.connection, made.name):
            return pl.DataFrame()
        rows: pl.DataFrame = self.connection.sql(
            f"select * from {made.name} where list_contains(?::timestamp[], {made.window_column})",  # noqa: S608
            params=[[from_micros(start) for start in due.windows]],
        ).pl()
        return rows

    def replace_windows(self, due: Due, rows: "pl.DataFrame") -> None:
        """Make the rows of these windows exactly `rows`, with their state, in one transaction.

        Args:
            due: the windows; those without rows become empty.
            rows: times as plain UTC microseconds. Columns that the table lacks are added to it.

        Raises:
            WrongUse: a row lies in no window of `due`.
        """
        made = _python_model(due.model)
        _check_inside(made, due, rows)
        connection = self.connection
        connection.register("new_rows", rows.to_arrow())
        try:
            with transaction(connection):
                _shape(connection, made.name)
                state.record(connection, made.name, due.windows)
                connection.execute(
                    f"delete from {made.name} where {made.window_column} in (select window_start from recorded)"  # noqa: S608
                )
                connection.execute(f"insert into {made.name} by name select * from new_rows")  # noqa: S608
        finally:
            connection.unregister("new_rows")
        state.copy_recorded(self.home, connection)

    def publish_again(self, model: str, windows: Iterable[datetime]) -> None:
        """Have the published files that hold these windows written again, although no new reading touched them.

        For rows that change for another reason, such as a first model. Call it before they are replaced.
        """
        copy = models().get(published(model))
        if copy is not None:
            starts = sorted({copy.floor(to_micros(window), self.slot) for window in windows})
            state.forget_windows(self.connection, copy.name, model, [from_micros(start) for start in starts])


@contextlib.contextmanager
def writer(home: Home, site: WarehouseSite, what: str) -> Iterator[Warehouse]:
    """The writer lock and the open warehouse, for code that makes tables in Python.

    Args:
        home: the data folder.
        site: slot length and warehouse settings.
        what: what the holder does, shown to those who wait.

    Raises:
        Unreachable: the lock or the file could not be had in time.
    """
    with (
        writer_lock(home, what, wait_seconds=site.warehouse.lock_wait_seconds),
        open_warehouse(home, site.warehouse) as connection,
    ):
        state.ensure_tables(connection)
        state.copy_recorded(home, connection)
        yield Warehouse(home, site.slot_minutes * MINUTE, connection)


def _python_model(name: str) -> Model:
    model = models().get(name)
    if model is None or model.builder != "python":
        raise WrongUse(f"{name!r} is not a table that Python makes", "add it to the lineage of the warehouse")
    return model


def _scope(days: Days | None) -> Scope:
    """All windows that start in these days; every window of the lineage lies inside one day."""
    return Scope(*day_span(days)) if days else Scope(*ALL_TIME)


def _check_inside(model: Model, due: Due, rows: "pl.DataFrame") -> None:
    stray = set(rows[model.window_column].dt.epoch("us").unique()) - set(due.windows)
    if stray:
        raise WrongUse(
            f"rows for {model.name} lie outside the windows that are due, first {from_micros(min(stray))}",
            f"keep only rows whose {model.window_column} is the start of a window that is due",
        )


def _shape(connection: "DuckDBPyConnection", table: str) -> None:
    """Make the table where it is missing, and add the columns that only the new rows have."""
    connection.execute(f"create table if not exists {table} as select * from new_rows limit 0")  # noqa: S608
    known = {name for name, *_ in connection.execute(f"describe {table}").fetchall()}
    for name, kind, *_ in connection.execute("describe new_rows").fetchall():
        if name not in known:
            connection.execute(f"alter table {table} add column {quoted(name)} {kind}")


def _plain(at: datetime) -> datetime:
    return from_micros(to_micros(at))
