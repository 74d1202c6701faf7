"""Dagster's events of a range in one commit, not one for each partition: a year of days is 3,000 events for one run.

Dagster hands over the events of a range as a batch where the instance asks for it, but its SQLite storage then writes
them one by one: an engine, its statements compiled and three commits for each, some 20 ms. Here a batch is one
transaction for each file. The files are Dagster's own, where it has them, so either can go on with what the other
wrote. Named in dagster.yaml. The imports from Dagster's inside are those that its own storage lives on.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import yaml
from dagster import DagsterInstance, EventLogEntry
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

_AT_ONCE = 1_000
"""Events of one commit: it holds the files for a second or two, in which others wait."""
_PATIENCE_SECONDS = 20
"""How long to wait for another process that writes, as Dagster does."""


class BatchingInstance(DagsterInstance):
    """Dagster's instance, which collects the events of a range and keeps them in one go."""

    @classmethod
    def config_schema(cls) -> Mapping[str, object]:
        """Nothing beyond Dagster's own."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Dagster's own, but for the storage where dagster.yaml names none."""
        storage = ConfigurableClassData(__name__, BatchingStorage.__name__, yaml.safe_dump({"base_dir": base_dir}))
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}

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
        """Of this class, where Dagster's makes one of its own."""
        return cls.from_local(inst_data=inst_data, **config_value)


class BatchingEventLog(SqliteEventLogStorage):
    """Dagster's event log, one file for each run and an index of all; a batch is one transaction in each."""

    _batch: "_Batch | None" = None

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All events or, where one cannot be kept, none."""
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
        """A transaction on one file, committed when the stack is left in peace."""
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
