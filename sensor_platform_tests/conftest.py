"""For all tests: those that need mosquitto are skipped, visibly, where it is not installed."""

import shutil

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") and shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")
