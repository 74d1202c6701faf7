"""Brokers without retained messages, or with QoS 0 only: the collector connects, or ends with what to change."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.brokers import fate, mosquitto_with, spawned
from sensor_platform_tests.running import COMMAND, RunningCollector, write_site

pytestmark = pytest.mark.mosquitto
ATTEMPTS = 3
"""What a collector needs that leaves out one property of its last will after the other."""
LIMITS = ["retain_available false", "max_qos 0"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("limit", LIMITS)
def test_ingest_16_the_collector_connects_or_ends_with_a_hint(tmp_path: Path, limit: str, protocol: str) -> None:
    site = write_site(tmp_path / "site", protocol=protocol, subscriptions=[{"topic": "sensors/#", "qos": 0}])
    with (
        mosquitto_with(tmp_path, limit) as broker,
        spawned(RunningCollector(tmp_path / "home", broker.url, site=site)) as collector,
    ):
        found = fate(collector, lambda: broker.count("New connection from") > 1 + ATTEMPTS)
        log = collector.log.read_text()
    assert found == "ready" or (found == "exit 2" and "hint: " in log), f"{found}: {log}"


def doctor(folder: Path, limit: str) -> str:
    """What doctor prints about a broker with this limit."""
    site = write_site(folder / "site", subscriptions=[{"topic": "sensors/#", "qos": 0}])
    with mosquitto_with(folder, limit) as broker:
        variables = {"SENSOR_PLATFORM_HOME": str(folder / "home"), "SENSOR_PLATFORM_SITE": str(site)}
        environ = os.environ | variables | {"SENSOR_PLATFORM_BROKER_URL": broker.url}
        argv = [*COMMAND, "doctor", "--messages", "5"]
        return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False).stdout


def test_ingest_16_doctor_sees_that_nothing_is_retained(tmp_path: Path) -> None:
    printed = doctor(tmp_path, "retain_available false")
    if "broker protocol" not in printed:
        pytest.fail(f"doctor did not look at the broker: {printed}")
    assert re.search(r"\bretain", printed, re.IGNORECASE), printed


def test_ingest_16_doctor_sees_that_only_qos_0_is_allowed(tmp_path: Path) -> None:
    assert re.search(r"fail +broker protocol .*QoS 0 only", doctor(tmp_path, "max_qos 0"))
