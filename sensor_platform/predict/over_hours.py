"""Which hours are over at a moment, and which were left out of a table because they were not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import plain_utc
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.duckdb_sql import has_table
from sensor_platform.warehouse.over_hours import over_before, over_everywhere
from sensor_platform.warehouse.tables import Due, Warehouse

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from sensor_platform.kernel.days import Days

_LEFT_OUT = "create table if not exists open_hours (model varchar, device_id varchar, window_start timestamp)"


@dataclass(frozen=True, slots=True)
class OverHours:
    """Which hours are over at a moment, in the open warehouse. Made by `over_hours`; the next one replaces it."""

    warehouse: Warehouse
    everywhere: datetime
    """Hours that start before this, plain UTC, are over on every device."""

    def condition(self, device: str, hour: str) -> str:
        """SQL that holds where an hour is over.

        Args:
            device: SQL for the device.
            hour: SQL for the start of the hour, plain UTC.
        """
        before = f"(select o.before from over_hours as o where o.device_id = {device})"  # noqa: S608 - our own names
        return f"({hour} < coalesce({before}, timestamp '{self.everywhere}'))"

    def only_over(self, rows: "pl.DataFrame") -> "pl.DataFrame":
        """Those of these rows, with `device_id` and `window_start` in plain UTC, whose hour is over."""
        import polars as pl

        known: pl.DataFrame = self.warehouse.connection.sql("select device_id, before from over_hours").pl()
        joined = rows.join(known, on="device_id", how="left", maintain_order="left")
        limit = pl.col("before").fill_null(pl.lit(self.everywhere, pl.Datetime("us")))
        return joined.filter(pl.col("window_start") < limit).drop("before")

    def with_waiting(self, due: Due) -> Due:
        """These windows, and those from which hours were left out that are over now, whatever their day."""
        _ensure(self.warehouse.connection)
        is_over = self.condition("w.device_id", "w.window_start")
        found = self.warehouse.connection.execute(
            f"select distinct w.window_start from open_hours as w where w.model = ? and {is_over}",  # noqa: S608 - our own names
            [due.model],
        ).fetchall()
        if not found:
            return due
        starts = {at.replace(tzinfo=UTC) for (at,) in found}
        days: Days = (min(starts).date(), max(starts).date())
        every = self.warehouse.due(due.model, days)
        waiting = {start for at, start in zip(every.starts, sorted(every.windows), strict=True) if at in starts}
        return Due(due.model, {**due.windows, **{start: every.windows[start] for start in waiting}})

    def note_open(self, due: Due, source: str, metrics: Sequence[str]) -> None:
        """Record the hours that are left out of these windows, before the windows are replaced.

        Args:
            due: windows of a model.
            source: the table that the model is made from.
            metrics: that it is made of.
        """
        connection = self.warehouse.connection
        _ensure(connection)
        if not due.windows or not has_table(connection, source):
            return
        connection.execute(
            "insert into open_hours select ?, s.* from ("  # noqa: S608 - our own names
            f"select distinct r.device_id, r.window_start from {source} as r"
            " where list_contains(?, r.metric) and list_contains(?::timestamp[], r.window_start)"
            f" and not {self.condition('r.device_id', 'r.window_start')}"
            ") as s except select * from open_hours",
            [due.model, list(metrics), [plain_utc(start) for start in due.starts]],
        )

    def settle(self, model: str) -> None:
        """Forget the hours of a model that were left out and are over now, after their windows were replaced."""
        connection = self.warehouse.connection
        _ensure(connection)
        is_over = self.condition("w.device_id", "w.window_start")
        connection.execute(f"delete from open_hours as w where w.model = ? and {is_over}", [model])  # noqa: S608 - our own names


def over_hours(warehouse: Warehouse, site: WarehouseSite, now: datetime) -> OverHours:
    """Which hours are over by the readings in the tables; the rule is that of `warehouse.over_hours`.

    Tables that do not tell when anything arrived leave only the clock: an hour is then over when it has ended.

    Args:
        warehouse: open.
        site: `warehouse.allowed_lateness_hours`.
        now: aware UTC.
    """
    connection = warehouse.connection
    until, lateness = plain_utc(now), timedelta(0)
    arrived = _newest_arrival(connection)
    if arrived is not None:
        until, lateness = min(until, arrived), timedelta(hours=site.warehouse.allowed_lateness_hours)
    row = connection.execute(f"select {over_everywhere('?::timestamp', '?::interval')}", [until, lateness]).fetchone()
    assert row is not None
    connection.execute("create or replace temp table over_hours (device_id varchar, before timestamp)")
    if has_table(connection, "readings_1h"):
        connection.execute(
            f"insert into over_hours {over_before('$until::timestamp', '$lateness::interval')}",
            {"until": until, "lateness": lateness},
        )
    return OverHours(warehouse, row[0])


def _newest_arrival(connection: "DuckDBPyConnection") -> datetime | None:
    """When the newest reading in the tables arrived, plain UTC; None where the tables do not tell."""
    if not has_table(connection, "device_status"):
        return None
    row = connection.execute("select max(last_received_at) from device_status").fetchone()
    return row[0] if row else None


def _ensure(connection: "DuckDBPyConnection") -> None:
    connection.execute(_LEFT_OUT)
