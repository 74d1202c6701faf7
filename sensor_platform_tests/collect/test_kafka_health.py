"""What the client library's errors and statistics say about the connection."""

import pytest

from sensor_platform.collect.kafka.kafka_health import KafkaHealth

UP = {"brokers": {"a": {"state": "UP"}}, "cgrp": {"rebalance_cnt": 2, "assignment_size": 1}}
DOWN = {"brokers": {"a": {"state": "TRY_CONNECT"}}, "cgrp": {}}


def health(user: str = "ann") -> KafkaHealth:
    return KafkaHealth("k:9092", "plant", ("sensors",), user)


def test_no_broker_is_a_problem_until_one_is_connected() -> None:
    some = health()
    some.note_statistics(DOWN)
    assert "no broker of k:9092" in str(some.problem(0, is_assigned=False))
    some.note_statistics(UP)
    assert some.problem(1, is_assigned=True) is None
    some.note_statistics(DOWN)
    assert "no broker" in str(some.problem(1000, is_assigned=True))


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("_AUTHENTICATION", "login of user ann"),
        ("_SSL", "TLS with k:9092"),
        ("_TRANSPORT", "no broker of k:9092 answers: why"),
    ],
)
def test_the_reason_stays_while_all_brokers_are_down(code: str, part: str) -> None:
    some = health()
    some.note_error(code, "why", 0)
    some.note_error("_ALL_BROKERS_DOWN", "1/1 brokers are down", 1)
    found = some.problem(100, is_assigned=False)
    assert found is not None
    assert part in found.text
    some.note_statistics(UP)
    assert some.problem(101, is_assigned=True) is None


def test_a_refusal_names_who_and_what_and_is_over_when_it_comes_no_more() -> None:
    some = health()
    some.note_statistics(UP)
    some.note_error("GROUP_AUTHORIZATION_FAILED", "x", 0)
    assert "user ann may not read as group plant" in str(some.problem(2, is_assigned=False))
    assert some.problem(20, is_assigned=True) is None
    assert "no login" in str(_refused_without_login())


def _refused_without_login() -> object:
    some = health("")
    some.note_statistics(UP)
    some.note_error("TOPIC_AUTHORIZATION_FAILED", "x", 0)
    return some.problem(1, is_assigned=False)


def test_no_partition_is_a_problem() -> None:
    some = health()
    some.note_statistics({**UP, "cgrp": {"assignment_size": 0, "join_state": "steady"}})
    assert "no partition of sensors" in str(some.problem(0, is_assigned=True))


def test_a_group_that_is_sharing_out_is_none() -> None:
    some = health()
    some.note_statistics({**UP, "cgrp": {"assignment_size": 0, "join_state": "wait-sync"}})
    assert some.problem(0, is_assigned=True) is None


def test_the_lag_is_that_of_all_partitions() -> None:
    some = health()
    parts = {"0": {"consumer_lag": 3}, "1": {"consumer_lag": -1}, "2": {"consumer_lag": 4}, "-1": {"consumer_lag": 9}}
    some.note_statistics({**UP, "topics": {"sensors": {"partitions": parts}}})
    assert (some.lag, some.rebalances) == (7, 2)
