"""A real broker; these tests skip visibly without one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform_tests.running import RunningBroker


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") and shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    running = RunningBroker(tmp_path / "broker")
    running.start()
    try:
        yield running
    finally:
        running.stop()
