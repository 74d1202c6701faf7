"""Collecting as a command: what it starts, and how it ends."""

import logging
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sensor_platform.cli import collect as command
from sensor_platform.cli.collect import collect
from sensor_platform.collect.collector_lock import collector_lock
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import run


class Collected:
    """A collector that is subscribed at once, and then gets a signal."""

    setup: Any = None
    is_stopped = False

    def __init__(self, setup: Any, _source: object) -> None:
        type(self).setup = setup

    def run(self) -> None:
        self.setup.announce()
        signal.raise_signal(signal.SIGTERM)

    def stop(self) -> None:
        type(self).is_stopped = True


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """The command takes over signals and logging of this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    root.handlers[:], root.level = handlers, level


def test_it_says_when_it_is_subscribed_and_a_signal_stops_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = socket.socketpair()
    monkeypatch.setattr(socket, "socketpair", lambda: pair)
    monkeypatch.setattr(command, "Collector", Collected)
    assert run(collect, "--no-land").stdout == "ready\n"
    assert Collected.is_stopped
    assert (Collected.setup.home, Collected.setup.lander) == (home, None)
    assert [one.fileno() for one in pair] == [-1, -1], "they are closed"
    assert signal.set_wakeup_fd(-1) == -1


def test_one_collector_at_a_time(home: Home) -> None:
    with collector_lock(home.wal, "another"), pytest.raises(WrongUse, match="another"):
        run(collect)
