"""What the client library reports (errors, statistics, assignments) as state, problem and counters of the collector."""

import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from sensor_platform.collect.collector_status import CollectorStatus, State
from sensor_platform.collect.config import KafkaSettings
from sensor_platform.collect.kafka.kafka_health import KafkaHealth, KafkaProblem

log = logging.getLogger(__name__)
_FENCED = {"_FENCED", "FENCED_INSTANCE_ID", "FENCED_MEMBER_EPOCH"}


class KafkaMonitor:
    """Belongs to the thread of the collector: the client library calls back within `consume` and `poll`."""

    def __init__(self, source: KafkaSettings, status: CollectorStatus, user: str) -> None:
        """Know nothing yet.

        Args:
            source: settings.
            status: of the collector.
            user: of the login; empty without one.
        """
        self._health = KafkaHealth(source.servers, source.group, source.topics, user)
        self._status = status
        self._told = ""
        self._is_connected = False
        self.is_assigned = False
        """Whether the group has taken this collector in."""
        self.fatal: KafkaProblem | None = None
        """Why the client library can do nothing any more."""

    @property
    def callbacks(self) -> dict[str, Callable[[Any], None]]:
        """Settings of the consumer."""
        return {"error_cb": self.note, "stats_cb": self._note_statistics}

    @property
    def state(self) -> State:
        """Whether records can arrive."""
        return "connected" if self._is_connected else "connecting"

    def note(self, error: Any) -> None:  # noqa: ANN401 - confluent_kafka has no types
        """Note an error of the client library, or one that came instead of a record."""
        code = str(error.name())
        if error.fatal() or code in _FENCED:
            hint = "another member has the same group.instance.id" if "FENCED" in code else "start the collector again"
            self.fatal = KafkaProblem(f"{code}: {error.str()}", hint)
            return
        self._status.counters.fetch_errors += 1
        self._health.note_error(code, error.str(), time.monotonic())

    def assigned(self) -> None:
        """The group has given partitions, or none."""
        self.is_assigned = self._health.is_up = True
        self._health.assigned = 1  # until the next statistics say how many
        self._note_connection()

    def lost(self) -> None:
        """The group has gone on without this collector, which joins it again."""
        self.is_assigned = False
        self._note_connection()

    def report(self, now: float) -> None:
        """Set the problem of the status, and log it once.

        Args:
            now: monotonic seconds.
        """
        self._note_connection()
        found = self._health.problem(now, is_assigned=self.is_assigned)
        if found is None and self.is_assigned:
            if self._told:
                log.info("Kafka can be read again")
            self._told, self._status.problem = "", None
            return
        if found is None:
            return
        self._status.problem = found.text
        if found.hint != self._told:
            self._told = found.hint
            log.warning("Kafka: %s; hint: %s", found.text, found.hint)

    def _note_statistics(self, text: str) -> None:
        self._health.note_statistics(msgspec.json.decode(text))
        self._status.lag, self._status.counters.rebalances = self._health.lag, self._health.rebalances

    def _note_connection(self) -> None:
        is_connected = self.is_assigned and self._health.is_up
        if is_connected and not self._is_connected:
            self._status.counters.connects += 1
        if self._is_connected and not is_connected:
            self._status.counters.disconnects += 1
        self._is_connected = is_connected
