"""Fixtures of history imports."""

from pathlib import Path

import pytest

from sensor_platform.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that does not exist yet."""
    return Home(tmp_path / "home")
