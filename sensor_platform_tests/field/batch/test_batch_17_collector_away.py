"""While the collector is stopped, nobody listens: that devices are silent is not known, and no alarm of them fires."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import Place, make_place, setting_up
from sensor_platform_tests.running import COMMAND, RunningBroker, RunningCollector, running_collector

Alerts = list[dict[str, object]]
RULES = "rules:\n  - {name: silent, kind: no_data, after: 10s}\n"
AWAY_SECONDS = 20
"""Of an update: twice as long as a device may be silent."""


@contextmanager
def child(place: Place, url: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command of the platform as a process of its own, ended afterwards."""
    environ = os.environ | {
        "SENSOR_PLATFORM_HOME": str(place.home),
        "SENSOR_PLATFORM_SITE": str(place.site),
        "SENSOR_PLATFORM_BROKER_URL": url,
    }
    with (place.root / f"{arguments[0]}.log").open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environ, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True
        )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def alerts(place: Place) -> Alerts:
    found: Alerts = json.loads(place.must("alerts", "list", "--format", "json").out)
    return found


def stop_for_an_update(place: Place, url: str, collector: RunningCollector) -> tuple[Alerts, Alerts]:
    """Three devices send each second throughout; alerts while the collector is stopped, and when it is back."""
    devices = ("simulate", "--devices", "3", "--rate", "3", "--seconds", "90")
    with child(place, url, "live", "--port", "0") as live, child(place, url, *devices):
        if live.stdout is None or not live.stdout.readline():
            pytest.fail(f"set-up: the live process did not start\n{(place.root / 'live.log').read_text()}")
        time.sleep(12)  # longer than a device may be silent
        if early := alerts(place):
            pytest.fail(f"set-up: alerts while all is well: {early}")
        collector.stop()
        time.sleep(AWAY_SECONDS)
        meanwhile = alerts(place)
        collector.start()
        time.sleep(6)
        if collector.committed() < AWAY_SECONDS:
            pytest.fail("set-up: the broker did not keep what the devices sent meanwhile")
        return meanwhile, alerts(place)


@pytest.mark.mosquitto
@pytest.mark.field_slow
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 17")
def test_batch_17_no_device_is_silent_while_the_collector_is_stopped(tmp_path: Path) -> None:
    place = make_place(tmp_path, {"site.yaml": "name: hall\nstart: 2025-01-01\n", "rules.yaml": RULES})
    broker = RunningBroker(tmp_path / "broker")
    broker.start()
    try:
        with setting_up(), running_collector(place.home, broker.url, site=place.site) as collector:
            meanwhile, afterwards = stop_for_an_update(place, broker.url, collector)
    finally:
        broker.stop()
    assert not meanwhile, f"nobody listened, and {len(meanwhile)} devices are reported: {meanwhile}"
    assert not afterwards, f"the backlog has no gap, and {len(afterwards)} alerts stay: {afterwards}"
