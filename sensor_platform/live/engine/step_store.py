"""Steps, snapshot and results in the live store. A step and its results are one transaction.

Results have keys, so that results of a step that is run again are ignored where they are stored already.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from sensor_platform.alert import outbox, store
from sensor_platform.alert.forgotten_alerts import delete_rows
from sensor_platform.alert.store import OperatorCommand, Outgoing
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.live.engine.emitted_windows import encode_closed
from sensor_platform.live.engine.run_days import forgettable_before
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.engine import Engine

Told = Mapping[str, Sequence[str]]


class Output(Protocol):
    """Turns the result of a step into messages. A step that is run again must give the same messages."""

    def messages(self, engine: Engine, step: Step, seq: int, result: StepResult, told: Told) -> list[Outgoing]:
        """Messages for the outbox; `told` are the channels that earlier steps told of each alert."""

    def tags(self, engine: Engine, event: Event) -> str:
        """Tags of the event's device, as JSON."""


@dataclass(slots=True)
class StepStore:
    """The engine's connection to the live store. Belongs to the engine's thread."""

    path: Path
    """File of the live store."""
    output: Output
    seq: int = 0
    """Number of the newest step."""
    _connection: sqlite3.Connection = field(init=False)
    _data_version: int = -1

    def open(self) -> None:
        """Connect; file and tables are created if there are none."""
        self._connection = store.connect(self.path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def new_commands(self) -> list[tuple[int, OperatorCommand]]:
        """Return commands of people that wait, with their ids."""
        # The version changes when another connection has written, and costs far less than to read the commands.
        (version,) = self._connection.execute("pragma data_version").fetchone()
        if version == self._data_version:
            return []
        self._data_version = version
        return store.pending_commands(self._connection)

    def add(self, engine: Engine, step: Step, result: StepResult, obeyed: Sequence[int]) -> None:
        """Store a step with its results.

        Args:
            engine: in its state after the step.
            step: that was run.
            result: of the step.
            obeyed: ids of its commands, which are deleted.
        """
        self.seq += 1
        with transaction(self._connection):
            self._connection.execute("insert into steps values (?, ?)", (self.seq, msgspec.msgpack.encode(step)))
            self._add_result(engine, step, result)
            self._connection.executemany("delete from inbox where id = ?", [(number,) for number in obeyed])

    def add_again(self, engine: Engine, seq: int, step: Step, result: StepResult) -> None:
        """Store the results of a recorded step that was run again."""
        self.seq = seq
        with transaction(self._connection):
            self._add_result(engine, step, result)

    def write_snapshot(self, body: bytes) -> None:
        """Replace the snapshot by one of the newest step, and delete the steps that it covers."""
        with transaction(self._connection):
            self._connection.execute("insert or replace into snapshot values (1, ?, ?)", (self.seq, body))
            self._connection.execute("delete from steps where seq <= ?", (self.seq,))

    def read_snapshot(self) -> bytes | None:
        """Return the snapshot and set `seq` to its step; None if there is no snapshot."""
        row = self._connection.execute("select seq, body from snapshot").fetchone()
        if row is None:
            return None
        self.seq = row[0]
        return bytes(row[1])

    def steps_since_snapshot(self) -> list[tuple[int, Step]]:
        """Return the recorded steps after `seq`, in order."""
        rows = self._connection.execute("select seq, body from steps where seq > ? order by seq", (self.seq,))
        return [(seq, msgspec.msgpack.decode(body, type=Step)) for seq, body in rows.fetchall()]

    def forget(self, now: int, keep_hours: int) -> None:
        """Delete emitted windows and sent messages that were kept long enough. `now` is in microseconds."""
        before = forgettable_before(self._connection, now, keep_hours)
        self._connection.execute("delete from closed where at < ?", (before,))
        outbox.forget_sent(self._connection, before)
        store.forget_told(self._connection, before)

    def delete_forgotten(self, rules: Sequence[ForgetRule]) -> None:
        """Delete alerts, messages and windows that rules take; their bytes are overwritten."""
        self._connection.execute("pragma secure_delete = on")
        with transaction(self._connection):
            for rule in rules:
                if rule.topic is None:
                    delete_rows(self._connection, rule.device, rule.metric, rule.alert_span)

    def _add_result(self, engine: Engine, step: Step, result: StepResult) -> None:
        tagged = [(event, self.output.tags(engine, event)) for event in result.events]
        store.store_events(self._connection, self.seq, tagged)
        for closed in result.closed:
            self._connection.execute(
                "insert or ignore into closed values (?, ?, ?, ?)",
                (self.seq, closed.spec.name, step.now, encode_closed(closed, engine.index)),
            )
        told = store.told_channels(self._connection, {event.alert_id for event in result.events}, self.seq)
        messages = self.output.messages(engine, step, self.seq, result, told)
        store.store_outgoing(self._connection, messages)
        tells = [(each.alert_id, each.channel, each.created_at) for each in messages if each.alert_id]
        store.store_told(self._connection, self.seq, tells)
