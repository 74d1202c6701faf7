"""Writes Dagster's events of a range in one commit: a run over a year of days has 3,000 events.

Dagster passes the events of a range as a batch if the instance requests it, but its SQLite storage then writes them one
by one: a new engine, compiled statements and three commits each, some 20 ms. Here a batch is one transaction per file.
It also lets sensors, schedules and the daemon go on after a clock that was ahead (`clock_steps`, `daemon_clock`).
Files and places are Dagster's own, so either storage can continue the other's files. Named in dagster.yaml. The private
imports of Dagster are those that its own storage uses.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import yaml
from dagster import DagsterInstance, EventLogEntry
from dagster._core.instance.ref import InstanceRef
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, TickStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._daemon.types import DaemonHeartbeat
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from sensor_platform.orchestration.storage.clock_steps import TOLERANCE_SECONDS, believed_state, mend_scheduler
from sensor_platform.orchestration.storage.daemon_clock import believed_heartbeats, mend_daemon

_AT_ONCE = 1_000
"""Events of one commit. It locks the files for a second or two, in which others wait."""
_PATIENCE_SECONDS = 20
"""Longest wait for another writing process, as in Dagster."""


mend_scheduler()
mend_daemon()


class BatchingInstance(DagsterInstance):
    """Dagster's instance with batches for the events of a range."""

    @classmethod
    def config_schema(cls) -> Mapping[str, object]:
        """No settings beyond Dagster's."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Dagster's defaults, with our storage where dagster.yaml names none."""
        storage = ConfigurableClassData(__name__, BatchingStorage.__name__, yaml.safe_dump({"base_dir": base_dir}))
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}

    def all_instigator_state(self, *args: Any, **filters: Any) -> Sequence[InstigatorState]:  # noqa: ANN401 - Dagster's
        """State of sensors and schedules, without times in the future, which are of a clock that was ahead."""
        now = time.time()
        return [believed_state(state, now) for state in super().all_instigator_state(*args, **filters)]

    def get_instigator_state(self, origin_id: str, selector_id: str) -> InstigatorState | None:
        """State of one sensor or schedule, without times in the future: read once more before each tick."""
        state = super().get_instigator_state(origin_id, selector_id)
        return state and believed_state(state, time.time())

    def get_daemon_heartbeats(self) -> Mapping[str, DaemonHeartbeat]:
        """Latest heartbeats of all daemon types; none of the future, by a clock that was ahead."""
        return believed_heartbeats(super().get_daemon_heartbeats(), time.time())

    def get_ticks(
        self,
        origin_id: str,
        selector_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        statuses: Sequence[TickStatus] | None = None,
    ) -> Sequence[InstigatorTick]:
        """Ticks of a sensor or schedule, newest first; none of the future, by a clock that was ahead."""
        until = time.time() + TOLERANCE_SECONDS
        newest = until if before is None else min(before, until)
        return super().get_ticks(origin_id, selector_id, newest, after, limit, statuses)

    def _get_event_batch_size(self) -> int:
        return _AT_ONCE


class BatchingStorage(DagsterSqliteStorage):
    """Dagster's storage on SQLite, with the events of a batch in one transaction."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = BatchingEventLog(self._event_log_storage._base_dir)  # noqa: SLF001

    @classmethod
    def from_config_value(  # type: ignore[override]  # Dagster's own two do not agree
        cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig
    ) -> "BatchingStorage":
        """Make an instance of this class, where Dagster's method makes one of its own class."""
        return cls.from_local(inst_data=inst_data, **config_value)


class BatchingEventLog(SqliteEventLogStorage):
    """Dagster's event log: one file for each run and an index. A batch is one transaction per file."""

    _batch: "_Batch | None" = None

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all events of the batch, or none if one fails."""
        with self._db_lock, ExitStack() as opened:
            self._batch = _Batch(self, opened)
            try:
                for event in events:
                    self.store_event(event)
            finally:
                self._batch = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        if self._batch is not None and self._batch.is_mine:
            yield self._batch.connection(shard)
            return
        with super()._connect(shard) as connection:
            yield connection

    def open_shard(self, shard: str, opened: ExitStack) -> Connection:
        """Open a transaction on one file; it is committed when the stack ends without an error."""
        place = create_db_conn_string(self._base_dir, shard)
        engine = create_engine(place, poolclass=NullPool, connect_args={"timeout": _PATIENCE_SECONDS})
        opened.callback(engine.dispose)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return opened.enter_context(engine.begin())


class _Batch:
    """The open transactions of the thread that stores a batch; other threads wait at the storage's lock."""

    def __init__(self, log: BatchingEventLog, opened: ExitStack) -> None:
        self._log = log
        self._opened = opened
        self._thread = threading.get_ident()
        self._connections: dict[str, Connection] = {}

    @property
    def is_mine(self) -> bool:
        return threading.get_ident() == self._thread

    def connection(self, shard: str) -> Connection:
        if shard not in self._connections:
            self._connections[shard] = self._log.open_shard(shard, self._opened)
        return self._connections[shard]
