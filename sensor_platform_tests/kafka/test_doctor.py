"""`doctor` in a site that reads Kafka."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition  # type: ignore[import-not-found,unused-ignore]

from sensor_platform_tests.kafka.lab import Lab, Topics

pytestmark = pytest.mark.kafka


def test_doctor_checks_kafka_and_not_mqtt(topics: Topics, tmp_path: Path) -> None:
    topics.create("doctor", retention_ms="3600000", message_timestamp_type="LogAppendTime")
    topics.send("doctor", range(50))
    lab = Lab(tmp_path, {"servers": topics.servers, "topics": ["doctor"], "group": "doctor"})
    code, told = lab.run("doctor")
    assert code == 0, told
    assert "50 records are not read yet" in told
    assert "doctor 1.0 h" in told
    assert "doctor LogAppendTime" in told
    assert "mqtt" not in told
    consumer = Consumer({"bootstrap.servers": topics.servers, "group.id": "doctor"})
    consumer.commit(offsets=[TopicPartition("doctor", 0, 10)], asynchronous=False)
    consumer.close()
    [done] = topics.admin.delete_records([TopicPartition("doctor", 0, 30)]).values()
    done.result(10)
    code, told = lab.run("doctor")
    assert code == 1
    assert "records of doctor/0 were dropped before they were read" in told


def test_doctor_names_a_missing_topic_and_a_missing_broker(topics: Topics, tmp_path: Path) -> None:
    missing = Lab(tmp_path / "a", {"servers": topics.servers, "topics": ["nowhere-at-all"], "group": "doctor"})
    code, told = missing.run("doctor")
    assert (code, "nowhere-at-all: missing" in told) == (1, True), told
    away = Lab(tmp_path / "b", {"servers": "127.0.0.1:1", "topics": ["doctor"], "group": "doctor"})
    code, told = away.run("doctor")
    assert (code, "no broker of 127.0.0.1:1 answers" in told) == (3, True), told
