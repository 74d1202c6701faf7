"""Group commit follows the disk; a lost broker is found again within half a minute."""

import pytest

from sensor_platform.collect.mqtt.commit_window import CommitWindow
from sensor_platform.collect.mqtt.paho_client import CONNECT_TIMEOUT_SECONDS
from sensor_platform.collect.mqtt.reconnect import LONGEST_PAUSE


@pytest.mark.parametrize(
    ("cost", "length"),
    [(0.0001, 0.002), (0.001, 0.0025), (0.002, 0.005), (0.004, 0.006), (0.009, 0.002), (0.05, 0.002)],
)
def test_the_window_follows_what_a_commit_costs(cost: float, length: float) -> None:
    window = CommitWindow(0.010)
    for _ in range(200):
        window.note_commit(cost)
    assert window.length == pytest.approx(length, rel=0.01)


def test_a_group_is_due_at_the_end_of_its_window_counted_from_its_first_read() -> None:
    window = CommitWindow(0.010)
    assert not window.is_due(100.0)
    window.note_read(100.0, 500, has_work=True)
    window.note_read(100.0015, 500, has_work=True)
    assert not window.is_due(100.0015)
    assert window.is_due(100.002)
    window.note_commit(0.001)
    assert not window.is_due(200.0)


def test_it_waits_long_when_idle_and_shortly_when_something_waits() -> None:
    window = CommitWindow(0.010)
    assert window.patience(100.0) >= 0.1
    window.note_read(100.0, 500, has_work=True)
    assert window.patience(100.0) == pytest.approx(0.002)
    assert window.patience(101.0) == 0.0


def test_it_lets_bytes_gather_only_on_a_busy_socket_that_is_not_flooded() -> None:
    window = CommitWindow(0.010)
    assert window.pause(100.0) == 0.0, "the first read"
    window.note_read(100.0, 500, has_work=True)
    assert window.pause(100.001) == pytest.approx(0.002)
    assert window.pause(101.0) == 0.0, "quiet since a second"
    window.note_read(100.0, 1 << 20, has_work=True)
    assert window.pause(100.001) == 0.0, "flooded: a read is large anyway"


def test_a_broker_that_came_back_is_found_within_30_seconds() -> None:
    assert LONGEST_PAUSE + CONNECT_TIMEOUT_SECONDS < 30.0
