"""A platform of its own for each test."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from dagster import DagsterInstance

from sensor_platform.collect.config import Broker
from sensor_platform.home import Home
from sensor_platform.settings import Settings
from sensor_platform.site import load_site
from sensor_platform_tests.orchestration.platforms import Platform


def pytest_configure(config: pytest.Config) -> None:
    # dbt keeps its log file open until the garbage collector finds it; nothing of ours is lost by that.
    config.addinivalue_line("filterwarnings", r"ignore:Exception ignored in. <_io.FileIO name='.*dbt\.log'")
    config.addinivalue_line("filterwarnings", r"ignore:unclosed file .*dbt\.log:ResourceWarning")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    home = Home(tmp_path / "home")
    home.wal.mkdir(parents=True)
    site = load_site(None)
    quick = msgspec.structs.replace(site.warehouse, memory_limit="1GB", lock_wait_seconds=20)
    at_once = msgspec.structs.replace(site.runs, retries=0)  # a test does not wait five minutes for a second try
    site = msgspec.structs.replace(site, warehouse=quick, runs=at_once)
    settings = Settings(home=home, site=site, site_folder=None, broker=Broker())
    logging.getLogger("dagster").setLevel(logging.ERROR)
    with DagsterInstance.ephemeral(tempdir=str(tmp_path / "instance")) as instance:
        yield Platform(settings, instance)
