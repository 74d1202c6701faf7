"""The state of the live process in one SQLite file: steps, snapshot, alerts, outbox. One transaction per step.

A step records the input of the engine (places in the segments, the time, commands) and is stored together with its
results. After a kill, the newest snapshot and the steps after it restore the engine; results of repeated steps have the
same keys and are stored already. A commit is not fsynced: after a power cut the file is an earlier, consistent state.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sensor_platform.errors import Unreachable
from sensor_platform.kernel import sqlite
from sensor_platform.kernel.store_format import refuse_newer, writer
from sensor_platform.stream.alert_state import Event

SCHEMA = 3
"""Format 2 notes the version that wrote it, format 3 which channels were told of an alert. Tables and indices that an
earlier format lacks are made when it is opened."""

_TABLES = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists steps (seq integer primary key, body blob not null);
create table if not exists snapshot (id integer primary key check (id = 1), seq integer not null, body blob not null);
create table if not exists alerts (
    alert_id text primary key, rule text not null, device_id text not null, metric text not null,
    state text not null, level integer not null, highest integer not null, fired_at integer not null,
    noticed_at integer not null, resolved_at integer, value real, limit_text text not null, tags text not null,
    acknowledged_by text not null default '', suppressed text not null default '', verdict text not null default ''
) without rowid;
create index if not exists alerts_by_time on alerts (noticed_at);
create index if not exists alerts_by_state on alerts (state);
create table if not exists events (
    key text primary key, seq integer not null, alert_id text not null, kind text not null, at integer not null,
    noticed_at integer not null, body blob not null
) without rowid;
create index if not exists events_of_alert on events (alert_id, noticed_at);
create table if not exists outbox (
    id integer primary key, key text not null, channel text not null, grouping text not null, body blob not null,
    created_at integer not null, not_before integer not null, attempts integer not null default 0,
    state text not null default 'waiting', problem text not null default '', sent_at integer,
    unique (channel, key)
);
create index if not exists outbox_due on outbox (channel, state, not_before);
create table if not exists told (
    alert_id text not null, channel text not null, seq integer not null, at integer not null,
    primary key (alert_id, channel)
) without rowid;
create table if not exists inbox (id integer primary key, body blob not null);
create table if not exists closed (
    seq integer not null, spec text not null, at integer not null, body blob not null, primary key (seq, spec)
) without rowid;
create index if not exists closed_by_time on closed (at);
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for one channel. The same key on the same channel is stored once."""

    key: str
    channel: str
    body: bytes
    created_at: int
    not_before: int = 0
    grouping: str = ""
    """Messages with the same value may be sent as one; empty for messages that are sent alone."""
    alert_id: str = ""
    """The alert that a notification tells of; empty for other messages."""


class OperatorCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command of an operator to the engine."""

    kind: str
    """`acknowledge`."""
    alert_id: str
    by: str
    at: int


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit; file and tables are created where there are none. May be used by any one thread.

    Raises:
        Unreachable: it cannot be opened.
        WrongUse: a newer version wrote it.
    """
    try:
        connection = sqlite.connect(path, busy_seconds=30.0, synchronous="normal", any_thread=True)
        try:
            _bring_forward(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.DatabaseError as error:
        raise Unreachable(f"{path} cannot be opened: {error}", "check disk space and rights; is it a copy?") from error
    return connection


def _bring_forward(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse the store of a newer version, before anything in it changes; add what an earlier or new one lacks.

    Raises:
        WrongUse: a newer version wrote it.
    """
    known: dict[str, str] = {}
    if connection.execute("select 1 from sqlite_master where name = 'meta'").fetchone():
        known = dict(connection.execute("select key, value from meta where key in ('schema', 'written_by')"))
    found = int(known.get("schema", 0))
    refuse_newer(f"the live store {path}", found, SCHEMA, known.get("written_by"))
    connection.execute("pragma wal_autocheckpoint = 0")  # live.engine.checkpoints makes them
    connection.executescript(_TABLES)
    if found < SCHEMA:
        notes = [("schema", str(SCHEMA)), ("written_by", writer())]
        connection.executemany("insert or replace into meta values (?, ?)", notes)


def store_events(connection: sqlite3.Connection, seq: int, events: Sequence[tuple[Event, str]]) -> list[Event]:
    """Store events, each with the tags of its device as JSON, and update the alerts; returns the new events."""
    fresh = []
    for event, tags in events:
        body = msgspec.json.encode(event)
        done = connection.execute(
            "insert or ignore into events values (?, ?, ?, ?, ?, ?, ?)",
            (event.key, seq, event.alert_id, event.kind, event.at, event.noticed_at, body),
        )
        if done.rowcount:
            fresh.append(event)
            _move(connection, event, tags)
    return fresh


def _move(connection: sqlite3.Connection, event: Event, tags: str) -> None:
    if event.kind == "fired":
        connection.execute(
            "insert or ignore into alerts (alert_id, rule, device_id, metric, state, level, highest, fired_at,"
            " noticed_at, value, limit_text, tags, suppressed) values (?, ?, ?, ?, 'firing', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(event.alert_id, event.rule, event.device_id, event.metric, event.level, event.level, event.at),
                *(event.noticed_at, event.value, event.limit, tags, event.suppressed),
            ),
        )
    elif event.kind == "resolved":
        connection.execute(
            "update alerts set state = 'resolved', level = 0, resolved_at = ?, value = ? where alert_id = ?",
            (event.noticed_at, event.value, event.alert_id),
        )
    elif event.kind == "acknowledged":
        connection.execute(
            "update alerts set state = 'acknowledged', acknowledged_by = ? where alert_id = ?",
            (event.by, event.alert_id),
        )
    elif event.kind == "escalated":
        connection.execute(
            "update alerts set state = 'firing', acknowledged_by = '', level = ?, highest = max(highest, ?), value = ?"
            " where alert_id = ?",
            (event.level, event.level, event.value, event.alert_id),
        )
    elif event.kind == "eased":
        connection.execute(
            "update alerts set level = ?, value = ? where alert_id = ?", (event.level, event.value, event.alert_id)
        )


def set_verdict(connection: sqlite3.Connection, alert_id: str, verdict: str) -> None:
    """Set the answer to an alert: `confirmed`, `rejected`, or empty for none."""
    connection.execute("update alerts set verdict = ? where alert_id = ?", (verdict, alert_id))


def store_outgoing(connection: sqlite3.Connection, messages: Iterable[Outgoing]) -> None:
    """Put messages into the outbox; messages that are there already stay as they are."""
    connection.executemany(
        "insert or ignore into outbox (key, channel, grouping, body, created_at, not_before) values (?, ?, ?, ?, ?, ?)",
        [(each.key, each.channel, each.grouping, each.body, each.created_at, each.not_before) for each in messages],
    )


def store_told(connection: sqlite3.Connection, seq: int, told: Iterable[tuple[str, str, int]]) -> None:
    """Note which channels a step told of which alert: alert, channel and time. The first step that did is kept."""
    connection.executemany(
        "insert or ignore into told (alert_id, channel, seq, at) values (?, ?, ?, ?)",
        [(alert_id, channel, seq, at) for alert_id, channel, at in told],
    )


def forget_told(connection: sqlite3.Connection, before: int) -> None:
    """Forget which channels know of alerts that are over, where they were notified before a time in microseconds."""
    connection.execute(
        "delete from told where at < ? and alert_id not in (select alert_id from alerts where state <> 'resolved')",
        (before,),
    )


def told_channels(connection: sqlite3.Connection, alert_ids: Iterable[str], seq: int) -> dict[str, list[str]]:
    """Channels that were told of each alert by steps before `seq`: what a step that is run again found the first time.

    Channels are in order of their names.
    """
    return {
        alert_id: [
            name
            for (name,) in connection.execute(
                "select channel from told where alert_id = ? and seq < ? order by channel", (alert_id, seq)
            )
        ]
        for alert_id in alert_ids
    }


def put_command(connection: sqlite3.Connection, command: OperatorCommand) -> None:
    """Store a command for the live process, which executes it with its next step, or when it starts."""
    connection.execute("insert into inbox (body) values (?)", (msgspec.msgpack.encode(command),))


def pending_commands(connection: sqlite3.Connection) -> list[tuple[int, OperatorCommand]]:
    """Commands that wait, oldest first, each with its id. Delete them in the transaction that executes them."""
    rows = connection.execute("select id, body from inbox order by id").fetchall()
    return [(number, msgspec.msgpack.decode(body, type=OperatorCommand)) for number, body in rows]
