"""A Telegraf configuration of its documentation is imported, and its example messages land through a real broker.

The same collector asks a Sparkplug node that it does not know for its births.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import polars as pl
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.collect.brokers.local import LocalBroker, local_broker
from sensor_platform.reading.sparkplug.protobuf_schema import Payload
from sensor_platform_tests.contracts.telegraf_configs import PIVOT
from sensor_platform_tests.reading.sparkplug_messages import birth, payload

_SPARKPLUG = "name: sparkplug\ntopic: spBv1.0/#\nencoding: sparkplug\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("telegraf")
    with local_broker(folder / "broker") as broker:
        _import(folder, broker)
        environ = _environ(folder, broker)
        collector = subprocess.Popen(_command("collect"), env=environ, stdout=subprocess.PIPE, text=True)
        try:
            assert collector.stdout is not None
            assert collector.stdout.readline() == "ready\n"
            _talk(broker)
            collector.send_signal(signal.SIGTERM)
            assert collector.wait(60) == 0
        finally:
            collector.kill()
            collector.communicate()
        audit = subprocess.run(_command("audit", "--json"), env=environ, capture_output=True, check=True)
        assert json.loads(audit.stdout)["difference"] == 0
        yield folder / "home"


def _import(folder: Path, broker: LocalBroker) -> None:
    """Import the configuration, and add Sparkplug to the site as a person would."""
    (folder / "telegraf.conf").write_text(PIVOT)
    site = folder / "site"
    subprocess.run(
        _command("import", str(folder / "telegraf.conf"), "--to", str(site)), check=True, capture_output=True
    )
    text = (site / "site.yaml").read_text().replace("  subscriptions:\n", "  subscriptions:\n  - topic: spBv1.0/#\n")
    (site / "site.yaml").write_text(f'{text}  protocol: "{broker.protocol}"\n  seal_seconds: 0.3\nstart: 2020-01-01\n')
    (site / "contracts/50-sparkplug.yaml").write_text(_SPARKPLUG)


def _talk(broker: LocalBroker) -> None:
    """Send the example messages; play a node that answers a rebirth command with its birth."""
    asked: list[str] = []

    def answer(client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        asked.append(Payload.FromString(message.payload).metrics[0].name)
        client.publish("spBv1.0/g/NBIRTH/n", birth(), qos=1)
        client.publish("spBv1.0/g/NDATA/n", payload(1, {"alias": 1, "double_value": 33.0}), qos=1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = answer
    host, port = broker.url.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.subscribe("spBv1.0/g/NCMD/n")
    client.loop_start()
    for field, value in (("temp", b"390"), ("rpm", b"45.0"), ("ph", b"1.45")):
        client.publish(f"/sensors/CLE/v1/device5/{field}", value, qos=1).wait_for_publish(10)
    client.publish("spBv1.0/g/NDATA/n", payload(7, {"alias": 1, "double_value": 11.0}), qos=1).wait_for_publish(10)
    deadline = time.monotonic() + 30
    while not asked and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)  # what was answered is on its way
    client.disconnect()
    client.loop_stop()
    assert asked[:1] == ["Node Control/Rebirth"]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", *arguments]


def _environ(folder: Path, broker: LocalBroker) -> dict[str, str]:
    return os.environ | {
        "SENSOR_PLATFORM_HOME": str(folder / "home"),
        "SENSOR_PLATFORM_SITE": str(folder / "site"),
        "SENSOR_PLATFORM_BROKER_URL": broker.url,
    }


def _landed(home: Path) -> list[tuple[str, str, float]]:
    frame = pl.read_parquet(sorted(home.glob("landing/*/*.parquet")), hive_partitioning=False)
    return sorted(frame.filter(pl.col("value").is_not_null()).select("device_id", "metric", "value").iter_rows())


def test_the_example_messages_of_the_telegraf_documentation_land(home: Path) -> None:
    found = [row for row in _landed(home) if row[0] == "device5"]
    assert found == [("device5", "ph", 1.45), ("device5", "rpm", 45.0), ("device5", "temp", 390.0)]


def test_an_unknown_sparkplug_node_is_asked_and_understood_from_then_on(home: Path) -> None:
    found = [row for row in _landed(home) if row[0] == "g/n"]
    assert ("g/n", "t", 20.5) in found
    assert ("g/n", "t", 33.0) in found
    refused = pl.read_parquet(sorted(home.glob("quarantine/*/*.parquet")), hive_partitioning=False)
    assert refused["rule"].to_list() == ["no_birth"]


def test_what_came_before_the_birth_lands_by_requeue(home: Path) -> None:
    environ = os.environ | {
        "SENSOR_PLATFORM_HOME": str(home),
        "SENSOR_PLATFORM_SITE": str(home.parent / "site"),
    }
    command = _command("quarantine", "requeue", "--rule", "no_birth", "--json")
    done = subprocess.run(command, env=environ, capture_output=True, check=True)
    landed = {"rows": 1, "landed_messages": 1, "landed_readings": 1, "dropped": 0}
    assert json.loads(done.stdout) == landed | {"removed_readings": 0, "lost_readings": 0}
    assert ("g/n", "t", 11.0) in _landed(home)
