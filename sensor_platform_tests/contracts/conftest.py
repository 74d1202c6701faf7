"""Fixtures of the contracts room."""

from pathlib import Path

import pytest

from sensor_platform.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    home = Home(tmp_path / "home")
    home.wal.mkdir(parents=True)
    return home
