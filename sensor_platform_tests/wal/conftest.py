"""Fixtures of the write-ahead log."""

from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.mqtt_packets import publish_packet

__all__ = ["publish_packet"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    home = Home(tmp_path / "home")
    home.wal.mkdir(parents=True)
    return home
