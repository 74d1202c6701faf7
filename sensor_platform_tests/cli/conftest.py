"""A data folder that the commands find by themselves."""

from pathlib import Path

import pytest

from sensor_platform.cli.publish import publish
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home of SENSOR_PLATFORM_HOME, with the site that is built in."""
    for name in ("SITE", "BROKER_URL", "UPLINK_URL"):
        monkeypatch.delenv(f"SENSOR_PLATFORM_{name}", raising=False)
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def once_published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home without readings whose tables are published; only to be read."""
    home = Home(tmp_path_factory.mktemp("published"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
        patch.delenv("SENSOR_PLATFORM_SITE", raising=False)
        said(publish)
    return home


@pytest.fixture
def published(once_published: Home, home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home of SENSOR_PLATFORM_HOME, only to be read."""
    assert once_published != home
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(once_published.root))
    return once_published
