"""`replay` and `simulate` as commands, against a real broker."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.collect.brokers.local import LocalBroker, free_port
from sensor_platform_tests.running import COMMAND


def run(broker_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"SENSOR_PLATFORM_BROKER_URL": broker_url}
    return subprocess.run([*COMMAND, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def listening(broker: LocalBroker) -> Iterator[list[paho.MQTTMessage]]:
    """Messages on sensors/# and plant/#, complete when the context ends."""
    got: list[paho.MQTTMessage] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    ready: list[bool] = []

    def subscribe(client: paho.Client, *_: Any) -> None:
        client.subscribe([("sensors/#", 2), ("plant/#", 2), ("end", 2)])

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.append(True)
    client.on_message = lambda _client, _data, message: got.append(message)
    client.connect("127.0.0.1", int(broker.url.rpartition(":")[2]))
    while not ready:
        client.loop(0.1)
    yield got
    client.publish("end", b"", qos=2)  # behind all others: order holds within one QoS
    end = time.monotonic() + 20
    while not any(message.topic == "end" for message in got):
        assert time.monotonic() < end
        client.loop(0.1)
    got[:] = [message for message in got if message.topic != "end"]
    client.disconnect()
    client.loop(0.1)


@pytest.mark.mosquitto
def test_simulate_sends_at_the_rate_and_says_what_was_acknowledged(mosquitto: LocalBroker) -> None:
    with listening(mosquitto) as got:
        done = run(mosquitto.url, "simulate", "--devices", "4", "--rate", "500", "--seconds", "2", "--seed", "3")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["sent"], summary["acknowledged"]) == (1000, 1000)
    assert 1.9 < summary["seconds"] < 4
    bodies = [orjson.loads(message.payload) for message in got]
    assert sorted((body["device_id"], body["seq"]) for body in bodies) == [
        (f"sim-0000{device}", seq) for device in range(1, 5) for seq in range(1, 251)
    ]
    assert all(message.topic == f"sensors/{body['device_id']}" for message, body in zip(got, bodies, strict=True))


@pytest.mark.mosquitto
@pytest.mark.parametrize(("qos", "acknowledged"), [(0, 0), (2, 100)])
def test_every_qos_arrives(mosquitto: LocalBroker, qos: int, acknowledged: int) -> None:
    with listening(mosquitto) as got:
        done = run(mosquitto.url, "simulate", "--rate", "1000", "--seconds", "0.1", "--qos", str(qos))
    assert json.loads(done.stdout)["acknowledged"] == acknowledged
    assert len(got) == 100
    assert {message.qos for message in got} == {qos}


@pytest.mark.mosquitto
def test_replay_sends_each_row_in_time_with_escaped_topics(mosquitto: LocalBroker, tmp_path: Path) -> None:
    file = tmp_path / "plant.csv"
    file.write_text("sensorId,ts,line,x,y\na/1,2026-01-01T01:00:00,4+,1.5,\n#b,2026-01-01T00:00:00,5,,2\n")
    with listening(mosquitto) as got:
        done = run(mosquitto.url, "replay", str(file), "--topic", "plant/{line}/{device}", "--timezone", "+08:00")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["acknowledged"] == 2
    assert [(message.topic, orjson.loads(message.payload)) for message in got] == [
        ("plant/5/%23b", {"device_id": "#b", "seq": 1, "timestamp": "2026-01-01T00:00:00+08:00", "line": "5", "y": 2}),
        (
            "plant/4%2B/a%2F1",
            {"device_id": "a/1", "seq": 1, "timestamp": "2026-01-01T01:00:00+08:00", "line": "4+", "x": 1.5},
        ),
    ]


@pytest.mark.mosquitto
def test_replay_keeps_the_pace_and_the_range_asked_for(mosquitto: LocalBroker, tmp_path: Path) -> None:
    file = tmp_path / "press.ndjson"
    file.write_text("".join(f'{{"ts": "2026-01-01T00:{minute:02}:00", "x": {minute}}}\n' for minute in range(10)))
    arguments = ["--speed", "120", "--from", "2026-01-01T00:02:00", "--to", "2026-01-01T00:05:00", "--shift-to-now"]
    with listening(mosquitto) as got:
        done = run(mosquitto.url, "replay", str(file), *arguments)
    assert done.returncode == 0, done.stderr
    assert 0.9 < json.loads(done.stdout)["seconds"] < 3
    assert [orjson.loads(message.payload)["x"] for message in got] == [2, 3, 4]
    assert {message.topic for message in got} == {"sensors/press"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "FILE", "--device-column", "nope"], "column 'nope' does not exist"),
        (["replay", "FILE", "--topic", "x/{nope}"], "{nope}"),
        (["replay", "FILE", "--timezone", "Mars"], "unknown time zone"),
        (["replay", "FILE", "--speed", "0"], "neither a positive number nor 'max'"),
        (["replay", "FILE", "--speed", "nan"], "neither a positive number nor 'max'"),
        (["replay", "FILE", "--qos", "3"], "--qos"),
        (["replay", "no-such-file.csv"], "does not exist"),
        (["simulate", "--rate", "0"], "--rate"),
        (["simulate", "--devices", "0"], "--devices"),
    ],
)
@pytest.mark.mosquitto
def test_wrong_use_is_said_without_a_traceback(
    arguments: list[str], words: str, mosquitto: LocalBroker, tmp_path: Path
) -> None:
    file = tmp_path / "t.csv"
    file.write_text("ts,x\n2026-01-01T00:00:00,1\n")
    done = run(mosquitto.url, *(str(file) if argument == "FILE" else argument for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["simulate", "doctor"])
def test_no_broker_is_exit_code_3(command: str) -> None:
    done = run(f"mqtt://127.0.0.1:{free_port()}", command)
    assert done.returncode == 3
    assert "no broker at" in done.stderr + done.stdout
    assert "hint:" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.mosquitto
def test_doctor_prints_findings_as_json_with_their_exit_code(mosquitto: LocalBroker) -> None:
    done = run(mosquitto.url, "doctor", "--json", "--messages", "100")
    findings = json.loads(done.stdout)
    assert findings["exit_code"] == done.returncode == 0
    assert {finding["check"] for finding in findings["findings"]} >= {"settings", "fsync", "store and forward"}


def test_doctor_reports_wrong_settings_as_a_finding() -> None:
    done = run("http://nowhere", "doctor", "--json")
    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == 2
    assert [(finding["check"], finding["status"]) for finding in findings] == [("settings", "fail")]


def test_simulating_loads_no_table_library() -> None:
    code = "import sys, sensor_platform.cli.simulate, sensor_platform.settings"
    code += ", sensor_platform.devices.publisher, sensor_platform.devices.simulated"
    code += "; print([name for name in ('polars', 'duckdb', 'dagster', 'pyarrow') if name in sys.modules])"
    done = subprocess.run([COMMAND[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
