"""Bad input through a real broker: the collector stays up, every message is landed or quarantined, the audit holds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.collect.brokers.local import LocalBroker, local_broker

MEGABYTE = json.dumps({"device_id": "big", "note": "x" * 1_000_000, "v": 1}).encode()
HOSTILE: dict[str, tuple[bytes, bool]] = {  # what: (payload, whether a reading must come of it)
    "malformed JSON": (b'{"device_id": "d", "v": 1', False),
    "binary": (bytes(range(256)), False),
    "empty": (b"", False),
    "one megabyte": (MEGABYTE, True),
    "NaN beside a number": (b'{"device_id": "d", "v": NaN, "w": 2}', True),
    "only NaN": (b'{"device_id": "d", "v": NaN}', False),
    "infinity": (b'{"device_id": "d", "v": 1e999, "w": 2}', True),
    "no id and no time": (b'{"v": 1}', True),
    "null id": (b'{"device_id": null, "v": 1}', True),
    "year 2100": (b'{"device_id": "d", "ts": "2100-01-01T00:00:00Z", "v": 1}', False),
    "year 1970": (b'{"device_id": "d", "ts": 1, "v": 1}', False),
    "time that is none": (b'{"device_id": "d", "ts": "soon", "v": 1}', False),
    "deep nesting": (b'{"device_id": "d", "a": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}", False),
    "deep arrays": (b"[" * 100_000 + b"]" * 100_000, False),
    "path in the id": (b'{"device_id": "../../../etc/passwd", "v": 1}', True),
    "quotes and emoji": (json.dumps({"device_id": "'; drop table state; --", "\"💥'": 1}).encode(), True),
    "markup": (b'{"device_id": "<script>alert(1)</script>", "<b>": 1}', True),
    "huge integer": (b'{"device_id": "d", "v": ' + b"9" * 400 + b', "w": 2}', True),
    "lone surrogate": (b'{"device_id": "\\ud800", "v": 1}', False),
    "NUL in the id": (b'{"device_id": "a\\u0000b", "v": 1}', True),
    "ten thousand keys": (json.dumps({"device_id": "wide"} | {f"m{i}": i for i in range(10_000)}).encode(), True),
    "not an object": (b"42", False),
}  # fmt: skip
TOPICS = 2_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, LocalBroker, subprocess.Popen[str]]]:
    folder = tmp_path_factory.mktemp("hostile")
    with local_broker(folder / "broker") as broker:
        (folder / "site").mkdir()
        (folder / "site/site.yaml").write_text(
            f'collect: {{protocol: "{broker.protocol}", seal_seconds: 0.5}}\nstart: 2020-01-01\n'
        )
        client = _client(broker)
        for number in range(50):  # a retained burst waits before anybody subscribes
            client.publish(
                f"sensors/retained/{number}", b'{"v": 1, "ts": 1750000000}', qos=1, retain=True
            ).wait_for_publish(10)
        collector = subprocess.Popen(
            _command("collect"), env=_environ(folder, broker), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert collector.stdout is not None
        assert collector.stdout.readline() == "ready\n"
        for payload, _ in HOSTILE.values():
            client.publish("sensors/hostile/device", payload, qos=1).wait_for_publish(10)
        last = None
        for number in range(TOPICS):
            last = client.publish(f"sensors/../'\"{number}💥/x y", b'{"v": 1}', qos=1)
        assert last is not None
        last.wait_for_publish(60)
        client.disconnect()
        yield folder, broker, collector
        collector.kill()
        collector.communicate()


def _client(broker: LocalBroker) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    host, port = broker.url.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.loop_start()
    return client


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", *arguments]


def _environ(folder: Path, broker: LocalBroker) -> dict[str, str]:
    return os.environ | {
        "SENSOR_PLATFORM_HOME": str(folder / "home"),
        "SENSOR_PLATFORM_SITE": str(folder / "site"),
        "SENSOR_PLATFORM_BROKER_URL": broker.url,
    }


def test_every_hostile_message_has_a_fate_and_the_collector_stays_up(
    running: tuple[Path, LocalBroker, subprocess.Popen[str]],
) -> None:
    folder, broker, collector = running
    sent = 50 + len(HOSTILE) + TOPICS
    deadline = time.monotonic() + 60
    audit: dict[str, object] = {}
    while time.monotonic() < deadline:
        environ = _environ(folder, broker)
        done = subprocess.run(_command("audit", "--json"), env=environ, capture_output=True, check=False)
        audit = json.loads(done.stdout)
        hours = audit["hours"]
        assert isinstance(hours, list)
        if sum(hour["received"] for hour in hours) == sent and not any(audit["pending"].values()):  # type: ignore[attr-defined]
            break
        time.sleep(0.5)
    assert audit["difference"] == 0
    assert isinstance(hours, list)
    fates = {fate: sum(hour[fate] for hour in hours) for fate in ("received", "landed", "quarantined", "duplicate")}
    expected_landed = 50 + TOPICS + sum(is_landed for _, is_landed in HOSTILE.values())
    assert fates == {"received": sent, "landed": expected_landed, "quarantined": sent - expected_landed, "duplicate": 0}
    assert collector.poll() is None


def test_quarantined_messages_keep_their_bytes_and_say_what_to_do(
    running: tuple[Path, LocalBroker, subprocess.Popen[str]],
) -> None:
    folder, _, collector = running
    collector.send_signal(signal.SIGTERM)
    assert collector.wait(60) == 0
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select topic, payload, rule, reason, hint from read_parquet(?) where scope = 'message'",
            [str(folder / "home/quarantine/*/*.parquet")],
        ).fetchall()
    refused = {payload for payload, is_landed in HOSTILE.values() if not is_landed}
    assert {row[1] for row in rows} == refused
    for topic, _, rule, reason, hint in rows:
        assert topic == "sensors/hostile/device"
        assert rule
        assert reason
        assert hint


def test_no_name_from_outside_became_a_path(running: tuple[Path, LocalBroker, subprocess.Popen[str]]) -> None:
    folder, _, _ = running
    names = {path.name for path in (folder / "home").rglob("*")}
    assert not [name for name in names if "passwd" in name or "💥" in name or "hostile" in name or "drop" in name]
