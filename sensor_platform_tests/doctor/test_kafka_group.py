"""What `doctor` says where a broker of Kafka does not answer for the group at once."""

from collections.abc import Sequence

import pytest
from confluent_kafka import (  # type: ignore[import-not-found,unused-ignore]
    KafkaError,
    KafkaException,
    TopicPartition,
)

from sensor_platform.doctor import kafka

_LOADING, _NOT_COORDINATOR, _NOT_ALLOWED = 14, 16, 30


class _Consumer:
    """Raises these errors, one a call, and then answers."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def committed(self, places: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return [TopicPartition(each.topic, each.partition, 10) for each in places]

    def get_watermark_offsets(self, _place: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        return 0, 60


def test_a_broker_that_does_not_lead_the_group_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_PAUSE_SECONDS", 0.0)
    [found] = kafka._positions(_Consumer(_NOT_COORDINATOR, _LOADING), {"a": [0]})
    assert (found.status, found.detail) == ("ok", "50 records are not read yet")


def test_a_refusal_is_not_asked_again_and_names_the_acls() -> None:
    [found] = kafka._positions(_Consumer(_NOT_ALLOWED), {"a": [0]})
    assert found.status == "fail"
    assert "ACLs" in found.hint


def test_a_broker_that_never_leads_the_group_fails_without_a_word_of_acls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(kafka, "_SECONDS", 0.05)
    [found] = kafka._positions(_Consumer(*[_NOT_COORDINATOR] * 1_000_000), {"a": [0]})
    assert found.status == "fail"
    assert "ACLs" not in found.hint
