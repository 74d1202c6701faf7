"""Fixtures of the landing room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.landing.crash_client import CrashServer, crash_server
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    home = Home(tmp_path / "home")
    home.wal.mkdir(parents=True)
    return home


@pytest.fixture
def landed(home: Home) -> Home:
    """Two segments: the first has readings of two slots, the second of the later one, and a refused message."""

    def message(minutes: int, value: bytes) -> Message:
        return Message(b'{"id":"a","ts":%d,"t":%s}' % (T0 // 10**6 + minutes * 60, value))

    seal_segment(home, 1, [message(0, b"1"), message(10, b"1")])
    seal_segment(home, 2, [message(11, b'"warm"'), Message(b"\x00")])
    land_all(home)
    return home


@pytest.fixture(scope="module")
def server() -> Iterator[CrashServer]:
    """A server that stops actions at any step."""
    with crash_server() as started:
        yield started
