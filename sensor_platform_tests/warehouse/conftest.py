"""A data folder, a lander for it and a site, for every test of the warehouse."""

from datetime import datetime
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.warehouse.landings import Landing, SiteStub


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def landing(home: Home) -> Landing:
    return Landing(home)


@pytest.fixture
def site() -> SiteStub:
    return SiteStub()


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC, as in files
