"""A data folder, and a real broker for the tests that say so."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform_tests.field.core.needs import precondition
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.running import RunningBroker


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") and shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.wal.mkdir(parents=True)
    return home


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    running = RunningBroker(tmp_path / "broker")
    with precondition("mosquitto starts"):
        running.start()
    try:
        yield running
    finally:
        running.stop()
