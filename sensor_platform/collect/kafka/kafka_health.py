"""Whether a Kafka cluster can be read, and what is wrong: from the errors and statistics of the client library. Pure.

The client library goes on trying whatever happens: an error holds until the statistics show the contrary, or until it
has not come again for some time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_HINT_CONNECTION = "check collect.kafka.servers, security.protocol, the network and the broker"
_HOLDS_SECONDS = 15.0
"""An error that does not come again within this time is over: librdkafka repeats what lasts every ten seconds."""


@dataclass(frozen=True, slots=True)
class KafkaProblem:
    """What is wrong and what to do about it."""

    text: str
    hint: str


@dataclass(slots=True)
class KafkaHealth:
    """What is known about the connection and the group."""

    servers: str
    group: str
    topics: tuple[str, ...]
    user: str
    """Principal; empty without a login."""
    is_up: bool = False
    """Whether a broker is connected."""
    lag: int = 0
    """Records of the assigned partitions that are not committed yet."""
    rebalances: int = 0
    assigned: int = 0
    """Number of assigned partitions."""
    is_settled: bool = False
    """Whether the group has shared out its partitions; not while a member joins or leaves."""
    _problem: KafkaProblem | None = None
    _noted_at: float = 0.0
    _is_of_connection: bool = False
    _statistics: Mapping[str, Any] = field(default_factory=dict)

    def note_error(self, code: str, text: str, now: float) -> None:
        """Note an error.

        Args:
            code: name of the error in librdkafka, for instance `_AUTHENTICATION`.
            text: its message.
            now: monotonic seconds.
        """
        is_of_connection = code in _CONNECTION
        if code == "_ALL_BROKERS_DOWN" and self._problem and self._is_of_connection:
            self._noted_at = now
            return  # the error before it says why
        if code == "_TRANSPORT" and self.is_up:
            return  # one broker of several, or an idle connection that was closed
        self._problem, self._noted_at, self._is_of_connection = self._describe(code, text), now, is_of_connection

    def note_statistics(self, found: Mapping[str, Any]) -> None:
        """Note the statistics of librdkafka, decoded."""
        brokers = found.get("brokers", {}).values()
        self.is_up = any(each.get("state") == "UP" for each in brokers)
        group = found.get("cgrp", {})
        self.rebalances = int(group.get("rebalance_cnt", 0))
        self.assigned = int(group.get("assignment_size", 0))
        self.is_settled = group.get("join_state") == "steady"
        places = [
            place
            for topic in found.get("topics", {}).values()
            for number, place in topic.get("partitions", {}).items()
            if number != "-1"
        ]
        self.lag = sum(max(0, int(place.get("consumer_lag", 0))) for place in places)

    def problem(self, now: float, *, is_assigned: bool) -> KafkaProblem | None:
        """What is wrong now; None where records can arrive.

        Args:
            now: monotonic seconds.
            is_assigned: whether the group has given partitions, or said that there are none for us.
        """
        if not self.is_up:
            return self._problem or KafkaProblem(f"no broker of {self.servers} answers", _HINT_CONNECTION)
        if self._problem and (self._is_of_connection or now - self._noted_at > _HOLDS_SECONDS):
            self._problem = None
        if self._problem is None and is_assigned and self.is_settled and not self.assigned:
            return KafkaProblem(
                f"no partition of {', '.join(self.topics)} is assigned to this collector",
                "the topics have no more partitions than the group has collectors, or they do not exist",
            )
        return self._problem

    def _describe(self, code: str, text: str) -> KafkaProblem:
        who = f"user {self.user}" if self.user else "this collector, which has no login,"
        if code in {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"}:
            return KafkaProblem(
                f"Kafka refused the login of {who}: {text}",
                "set SENSOR_PLATFORM_KAFKA_USERNAME and _PASSWORD; check sasl.mechanism in collect.kafka.options",
            )
        if code == "_SSL":
            return KafkaProblem(
                f"TLS with {self.servers} failed: {text}",
                "check security.protocol and ssl.ca.location in collect.kafka.options",
            )
        if code == "GROUP_AUTHORIZATION_FAILED":
            return KafkaProblem(f"{who} may not read as group {self.group}", "allow READ on the group in Kafka's ACLs")
        if code == "TOPIC_AUTHORIZATION_FAILED":
            return KafkaProblem(
                f"{who} may not read the topics: {text}", "allow READ and DESCRIBE on the topics in Kafka's ACLs"
            )
        if code in {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"}:
            return KafkaProblem(text, "create the topic, or correct collect.kafka.topics")
        if code in _CONNECTION:
            return KafkaProblem(
                f"no broker of {self.servers} answers: {text}",
                _HINT_CONNECTION,
            )
        return KafkaProblem(text, "see the log of the broker")


_CONNECTION = {"_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_AUTHENTICATION", "_SSL", "SASL_AUTHENTICATION_FAILED"}
