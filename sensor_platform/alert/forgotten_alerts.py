"""Deletes alerts of what is forgotten, their events and messages, from the store of the live process."""

import sqlite3
from contextlib import closing

import msgspec

from sensor_platform.alert.history.history_store import forget_events, open_store
from sensor_platform.alert.store import connect
from sensor_platform.home import Home
from sensor_platform.kernel.days import filled_span
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.stream.alert_state import Event


def delete_alerts(
    home: Home,
    device: str | None,
    metric: str | None,
    span: tuple[int | None, int | None],
    *,
    is_real: bool = True,
) -> int:
    """Delete alerts that fired in a span of time, or count them; returns their number.

    Their events leave the history of alerts too; its next build writes the published tables.

    Args:
        home: the data folder.
        device: None for all.
        metric: None for all.
        span: from the first time on, and before the second, microseconds.
        is_real: False only counts.
    """
    first, end = filled_span(*span)
    if is_real and (home.live / "history.sqlite").exists():
        _forget_history(home, device, metric, first, end)
    if not home.live_file.exists():
        return 0
    with closing(connect(home.live_file)) as connection:
        connection.execute("pragma secure_delete = on")
        with transaction(connection):
            found = delete_rows(connection, device, metric, (first, end), is_real=is_real)
        connection.execute("pragma wal_checkpoint(truncate)")
    return found


def delete_rows(
    connection: sqlite3.Connection,
    device: str | None,
    metric: str | None,
    span: tuple[int, int],
    *,
    is_real: bool = True,
) -> int:
    """Delete from the store within the caller's transaction, as `delete_alerts`; returns the number of alerts."""
    rows = connection.execute(
        "select alert_id from alerts"
        " where (? is null or device_id = ?) and (? is null or metric = ?) and fired_at >= ? and fired_at < ?",
        (device, device, metric, metric, *span),
    ).fetchall()
    if is_real:
        _delete(connection, [name for (name,) in rows], device, metric)
    return len(rows)


def _forget_history(home: Home, device: str | None, metric: str | None, first: int, end: int) -> None:
    def is_forgotten(event: Event) -> bool:
        return device in {None, event.device_id} and metric in {None, event.metric} and first <= event.at < end

    with open_store(home) as connection:
        forget_events(connection, is_forgotten)


def _delete(connection: sqlite3.Connection, alerts: list[str], device: str | None, metric: str | None) -> None:
    rows = [(name,) for name in alerts]
    connection.executemany("delete from events where alert_id = ?", rows)
    connection.executemany("delete from alerts where alert_id = ?", rows)
    connection.executemany("delete from told where alert_id = ?", rows)
    # messages and emitted windows hold many devices each: those that name this one go as a whole
    names = [name for name in (device, metric) if name is not None]
    _delete_naming(connection, "closed", [msgspec.msgpack.encode(name) for name in names])
    if device is not None:
        word = device.encode()
        connection.execute("delete from outbox where instr(body, ?) > 0 or instr(grouping, ?) > 0", (word, device))
    elif names:
        _delete_naming(connection, "outbox", [msgspec.json.encode(name) for name in names])


def _delete_naming(connection: sqlite3.Connection, table: str, words: list[bytes]) -> None:
    """Delete rows whose body holds all of the words, as they are encoded in it."""
    terms = " and ".join("instr(body, ?) > 0" for _ in words)
    connection.execute(f"delete from {table} where {terms}", words)  # noqa: S608 - constants
