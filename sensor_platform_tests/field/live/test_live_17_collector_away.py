"""A collector that restarts does not look like devices that fall silent."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform_tests.field.live.base import eventually, need, setting_up
from sensor_platform_tests.field.live.processes import RunningLive, running_live
from sensor_platform_tests.running import RunningBroker, running_collector

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.field_slow,
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]
RULES = {"rules": [{"name": "silent", "kind": "no_data", "after": "1s"}]}


@contextmanager
def _pump(port: int) -> Iterator[None]:
    """A device that sends ten times a second, with its own time."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "pump")
    client.connect("127.0.0.1", port)
    client.loop_start()
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(0.1):
            client.publish("sensors/pump", json.dumps({"device_id": "pump", "ts": time.time(), "v": 1}), qos=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        client.disconnect()
        client.loop_stop()


def _arrived_at(live: RunningLive) -> int:
    """Newest arrival of the device's messages, microseconds."""
    rows: list[dict[str, Any]] = live.get("/api/latest?device=pump")["readings"]
    return max((int(row["received_at"]) for row in rows), default=0)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 17")
def test_live_17_a_restart_of_the_collector_is_not_the_silence_of_a_device(tmp_path: Path) -> None:
    broker = RunningBroker(tmp_path / "broker")
    (tmp_path / "broker").mkdir()
    with setting_up():
        broker.start()
    try:
        with (
            setting_up(),
            running_live(tmp_path, RULES, environ={"SENSOR_PLATFORM_BROKER_URL": broker.url}) as live,
            running_collector(live.home, broker.url) as collector,
            _pump(broker.port),
        ):
            need(eventually(lambda: _arrived_at(live), 10), "messages arrive")
            time.sleep(0.5)
            need(not live.get("/api/alerts?device=pump")["alerts"], "the device is not silent")
            collector.stop()
            time.sleep(1.5)
            back = time.time_ns() // 1000
            collector.start()
            need(eventually(lambda: _arrived_at(live) > back, 10), "messages arrive again")
            time.sleep(0.5)
            alerts = live.get("/api/alerts?device=pump")["alerts"]
    finally:
        broker.stop()
    assert not alerts, "the device sent all the time, and the broker kept every message"
