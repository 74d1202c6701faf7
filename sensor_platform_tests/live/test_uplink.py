"""At the edge: rules and local commands go on while the uplink is cut, and what waited arrives when it is back."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.alert.config import AlertConfig
from sensor_platform.collect.brokers.local import free_port, local_broker
from sensor_platform.collect.config import Broker
from sensor_platform.errors import WrongUse
from sensor_platform.live.config import LiveConfig, OutputStream
from sensor_platform.stream.config import EngineConfig, WindowSpec
from sensor_platform.stream.rules import LocalCommand, Threshold
from sensor_platform_tests.live.live_apps import app_of, client_of, send
from sensor_platform_tests.waiting import wait_for

OLD = 1_700_000_000
LIVE = LiveConfig(
    requests_per_second=10_000,
    engine=EngineConfig(settle="0s", windows=(WindowSpec(),)),
    republish=(
        OutputStream(what="windows", mqtt="p7/windows/{device}/{metric}", to="uplink", metric="vib*"),
        OutputStream(what="alarms", mqtt="p7/alarms/{device}", to="uplink"),
    ),
)
ALERTS = AlertConfig(
    rules=(
        Threshold(
            name="shaking",
            metric="vibration",
            above=5.0,
            severity="critical",
            command=LocalCommand(topic="stop/{device}"),
        ),
    )
)


@contextmanager
def _hearing(port: int) -> Iterator[list[tuple[str, Any]]]:
    """All that a broker is told, with a session that outlives its absence."""
    heard: list[tuple[str, Any]] = []
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, "centre", clean_session=False)
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda c, *_: c.subscribe("#", 1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, message: heard.append((message.topic, message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(10)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def _centre(folder: Path, port: int) -> AbstractContextManager[Any]:
    return local_broker(folder / "centre", kind="mosquitto", port=port)


def _windows(heard: list[tuple[str, Any]]) -> set[tuple[str, int, int, float]]:
    rows = [json.loads(payload) for topic, payload in heard if topic.startswith("p7/windows/")]
    assert {row["metric"] for row in rows} <= {"vibration"}, "only what the stream is about goes up"
    return {(row["device_id"], row["window_start"], row["revision"], row["mean"]) for row in rows}


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
def test_with_the_uplink_cut_the_machine_is_stopped_and_all_windows_and_alarms_arrive_later(tmp_path: Path) -> None:
    up = free_port()
    with _centre(tmp_path, up), _hearing(up):
        pass  # the centre's session exists: what is sent before it listens again is kept for it
    site = local_broker(tmp_path / "site", kind="mosquitto")
    with site as local, _hearing(port := int(local.url.rpartition(":")[2])) as at_site:
        app = app_of(tmp_path / "home", live=LIVE, alerts=ALERTS, broker=Broker(port=port), uplink=Broker(port=up))
        with client_of(app) as page:
            wait_for(lambda: app.components.links.site.is_connected)
            for step in range(60):  # ten minutes without the centre
                vibration = 9.0 if step == 30 else 1.0 + step / 100
                send(
                    page,
                    {"device_id": "press", "timestamp": OLD + 10 * step, "vibration": vibration, "temperature": 20},
                )
            assert wait_for(lambda: [topic for topic, _ in at_site if topic == "stop/press"]), (
                "stopped without the centre"
            )
            with _centre(tmp_path, up), _hearing(up) as at_centre:
                wait_for(lambda: len(_windows(at_centre)) >= 58, 40)
                kinds = [json.loads(payload)["kind"] for topic, payload in at_centre if topic == "p7/alarms/press"]
                assert kinds == ["fired", "resolved"], "in order, although they waited"
                means = {start: mean for _, start, _, mean in _windows(at_centre)}
                assert [means[(OLD + 10 * step) * 1_000_000] for step in (0, 30, 57)] == [1.0, 9.0, 1.0 + 57 / 100]
                before = len(_windows(at_centre))
            wait_for(lambda: app.components.links.uplink is not None and not app.components.links.uplink.is_connected)
            for step in range(60, 120):
                send(page, {"device_id": "press", "timestamp": OLD + 10 * step, "vibration": 2.0, "temperature": 20})
            up_there = [each for each in app.components.dispatchers if each.destination.is_uplink]
            wait_for(lambda: [each.problem for each in up_there] == ["not connected"] * 2)
            assert not [each for each in app.components.dispatchers if each.failed], "waiting is no failure"
            with _centre(tmp_path, up), _hearing(up) as again:
                wait_for(lambda: before + len(_windows(again) - _windows(at_centre)) >= 118, 40)
                starts = sorted({start for _, start, *_ in _windows(again) | _windows(at_centre)})
                assert starts == [(OLD + 10 * step) * 1_000_000 for step in range(len(starts))], "none is missing"


def test_a_stream_to_an_uplink_that_is_not_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="uplink"):
        app_of(tmp_path / "home", live=LIVE, alerts=ALERTS)
