"""One broker for all tests of a module that share it."""

import shutil
from collections.abc import Iterator

import pytest

from sensor_platform_tests.kafka.broker import RealKafka, jars
from sensor_platform_tests.kafka.lab import Topics


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip visibly where the broker was not fetched."""
    if item.get_closest_marker("kafka") and (shutil.which("java") is None or jars() is None):
        pytest.skip("needs java and the kafka broker: make kafka")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """One plain broker for the whole profile; a test that kills brokers starts its own."""
    running = RealKafka(tmp_path_factory.mktemp("kafka"))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def topics(cluster: RealKafka) -> Topics:
    """Clients of that broker."""
    return Topics(cluster.servers)
