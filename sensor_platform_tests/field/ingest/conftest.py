"""Real brokers for the tests that say so."""

import shutil

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") and shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")
