"""Rules for all tests: mosquitto is needed or the test is skipped visibly, and no property test has a time limit."""

import shutil

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine must not fail a property
settings.load_profile("untimed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") and shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")
