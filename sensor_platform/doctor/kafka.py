"""Checks of Kafka, where the site reads Kafka: servers, login, topics, group, retention and time of records."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sensor_platform.collect.config import CollectConfig
from sensor_platform.collect.kafka.kafka_client import consumer_settings, make_consumer
from sensor_platform.collect.kafka.kafka_health import KafkaHealth
from sensor_platform.collect.kafka.topic_identity import without_consumer
from sensor_platform.doctor import Finding, fail, failure, ok, skipped, warn
from sensor_platform.errors import PlatformError, Unreachable, WrongUse

_SECONDS = 5.0
_SHORT_HOURS = 24
_PAUSE_SECONDS = 0.2
_NOT_YET = {"NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"}
"""Errors of a broker that has just become the one for the group."""
_LATER = ("kafka topics", "kafka group", "kafka retention", "kafka timestamps")


def check_kafka(collect: CollectConfig, login: tuple[str, str] | None) -> Iterator[Finding]:
    """Findings about the cluster that a site reads. No member joins the group, and nothing is written."""
    source = collect.kafka
    health = KafkaHealth(source.servers, source.group, source.topics, login[0] if login else "")

    def note(error: Any) -> None:  # noqa: ANN401 - confluent_kafka has no types
        health.note_error(str(error.name()), error.str(), 0.0)

    settings = consumer_settings(source, login, collect.collector)
    try:
        consumer = make_consumer(settings | {"error_cb": note})
    except PlatformError as error:
        yield failure("kafka reachable", error)
        return
    try:
        yield from _examine(consumer, collect, health, without_consumer(settings))
    finally:
        consumer.close()


def _examine(
    consumer: Any,  # noqa: ANN401 - confluent_kafka has no types
    collect: CollectConfig,
    health: KafkaHealth,
    settings: dict[str, Any],
) -> Iterator[Finding]:
    from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

    try:
        known = consumer.list_topics(timeout=_SECONDS).topics
    except KafkaException:
        for _ in range(10):  # serves the callback
            consumer.poll(0.05)
        found = health.problem(0.0, is_assigned=False)
        assert found is not None  # nothing is connected
        is_refused = "login" in found.text
        error = WrongUse(found.text, found.hint) if is_refused else Unreachable(found.text, found.hint)
        yield failure("kafka login" if is_refused else "kafka reachable", error)
        yield from (skipped(name, "not connected") for name in _LATER)
        return
    yield ok("kafka reachable", collect.kafka.servers + (f" as {health.user}" if health.user else ""))
    topics = [name for name in collect.kafka.topics if not name.startswith("^")]
    if wrong := [name for name in topics if name not in known or known[name].error]:
        yield fail("kafka topics", f"{', '.join(wrong)}: missing, or not to be read", "create them, or allow READ")
        yield from (skipped(name, "no topic") for name in _LATER[1:])
        return
    yield ok("kafka topics", ", ".join(collect.kafka.topics))
    yield from _positions(consumer, {name: sorted(known[name].partitions) for name in topics})
    if topics:
        yield from _settings(settings, topics)


def _positions(consumer: Any, topics: dict[str, list[int]]) -> Iterator[Finding]:  # noqa: ANN401 - no types
    """What the group has committed, and whether Kafka still has what comes after it."""
    from confluent_kafka import KafkaException, TopicPartition  # type: ignore[import-not-found,unused-ignore]

    places = [TopicPartition(name, number) for name, numbers in topics.items() for number in numbers]
    try:
        committed = _committed(consumer, places)
        marks = [consumer.get_watermark_offsets(each, timeout=_SECONDS) for each in places]
    except KafkaException as error:
        is_refused = "AUTHORIZATION" in error.args[0].name()
        hint = "allow READ on the group in Kafka's ACLs" if is_refused else "look at the brokers' logs, and try again"
        yield fail("kafka group", str(error.args[0].str()), hint)
        return
    pairs = list(zip(committed, marks, strict=True))
    lag = sum(high - (each.offset if each.offset >= 0 else low) for each, (low, high) in pairs)
    yield ok("kafka group", f"{lag} records are not read yet")
    gone = [each for each, (low, _) in pairs if 0 <= each.offset < low]
    if gone:
        names = ", ".join(f"{each.topic}/{each.partition}" for each in gone)
        yield fail(
            "kafka lag", f"records of {names} were dropped before they were read", "keep records longer in Kafka"
        )


def _committed(consumer: Any, places: Sequence[Any]) -> Sequence[Any]:  # noqa: ANN401 - no types
    """What the group has committed; a broker that does not lead the group yet is asked again for some seconds."""
    from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

    until = time.monotonic() + _SECONDS
    while True:
        try:
            found: Sequence[Any] = consumer.committed(list(places), timeout=_SECONDS)
        except KafkaException as error:
            if error.args[0].name() not in _NOT_YET or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return found


def _settings(settings: dict[str, Any], topics: Sequence[str]) -> Iterator[Finding]:
    """Retention and type of time of each topic."""
    from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]
    from confluent_kafka.admin import (  # type: ignore[import-not-found,unused-ignore,attr-defined]
        AdminClient,
        ConfigResource,
    )

    kept: dict[str, float] = {}
    kinds: dict[str, str] = {}
    wanted = [ConfigResource("topic", name) for name in topics]
    admin = AdminClient(settings)  # must live until it has answered
    try:
        for resource, answer in admin.describe_configs(wanted, request_timeout=_SECONDS).items():
            found = answer.result()
            kept[resource.name] = float(found["retention.ms"].value) / 3_600_000
            kinds[resource.name] = found["message.timestamp.type"].value
    except KafkaException as error:
        why = str(error.args[0].str())
        yield warn("kafka retention", f"not known: {why}", "allow DESCRIBE_CONFIGS on the topics in Kafka's ACLs")
        return
    short = [f"{name} {hours:.1f} h" for name, hours in kept.items() if 0 <= hours < _SHORT_HOURS]
    if short:
        hint = f"a collector that is away longer loses records; keep them at least {_SHORT_HOURS} h (retention.ms)"
        yield warn("kafka retention", ", ".join(short), hint)
    else:
        yield ok("kafka retention", f"at least {_SHORT_HOURS} h")
    yield ok("kafka timestamps", ", ".join(f"{name} {kind}" for name, kind in kinds.items()))
