"""A source is added with a module and a row of the table: its messages go through the WAL and are landed."""

import errno
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sensor_platform.collect.collector import Collector, CollectorSetup
from sensor_platform.collect.collector_status import read_status
from sensor_platform.collect.config import SOURCES, CollectConfig, KafkaSettings, SourceKind
from sensor_platform.collect.kafka.kafka_source import KafkaSource
from sensor_platform.collect.mqtt.mqtt_source import MqttSource
from sensor_platform.collect.source import choose_source
from sensor_platform.home import Home
from sensor_platform.wal import read_envelopes
from sensor_platform_tests.running import COMMAND, wait_until

if TYPE_CHECKING:
    from sensor_platform.collect.source import OpenSource

TABLE = (SourceKind("lines", lambda _: True, "sensor_platform_tests.collect.toy_source:LinesSource"), *SOURCES)
LINES = b'{"device_id": "d1", "value": 1.5}\n{"device_id": "d1", "value": 2.5}\nnot JSON\n'


def collect_until(home: Home, done: Callable[[], bool], what: str) -> None:
    home.wal.mkdir(parents=True, exist_ok=True)
    config = CollectConfig()
    ready = threading.Event()
    collector = Collector(CollectorSetup(config, home, ready.set), choose_source(config, TABLE))
    thread = threading.Thread(target=collector.run)
    thread.start()
    try:
        wait_until(ready.is_set, "the source to be ready")
        wait_until(done, what)
    finally:
        collector.stop()
        thread.join(10.0)
    assert not thread.is_alive()


def test_the_lines_of_a_toy_source_are_collected_and_landed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    inbox = home.root / "lines.txt"
    inbox.parent.mkdir()
    inbox.write_bytes(LINES)
    collect_until(home, lambda: not inbox.exists(), "the acknowledgement")
    (segment,) = home.wal.glob("*.wal")
    assert [envelope.payload for envelope in read_envelopes(segment)] == LINES.splitlines()
    status = read_status(home.wal, "collector")
    assert status is not None
    assert (status.state, status.broker, status.counters.messages) == ("stopping", "lines.txt", 3)
    environ = os.environ | {"SENSOR_PLATFORM_HOME": str(home.root)}
    landed = subprocess.run([*COMMAND, "land"], env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert landed.stdout == "1 segments, 3 messages, 2 readings, 1 messages quarantined\n"
    assert not list(home.wal.glob("*.wal"))


def test_while_the_disk_fails_nothing_is_acknowledged_and_afterwards_everything_is_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    inbox = home.root / "lines.txt"
    inbox.parent.mkdir()
    inbox.write_bytes(LINES)
    real_fsync = os.fsync
    failures: list[bool] = []

    def fsync(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().suffix == ".open" and len(failures) < 5:
            failures.append(inbox.exists())
            raise OSError(errno.EIO, "I/O error")
        real_fsync(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    collect_until(home, lambda: not inbox.exists(), "the acknowledgement")
    assert failures == [True] * 5
    stored = [e.payload for path in sorted(home.wal.glob("*.wal")) for e in read_envelopes(path)]
    assert stored == LINES.splitlines()


def test_the_settings_choose_kafka_where_topics_are_named_and_mqtt_otherwise() -> None:
    mqtt: OpenSource = MqttSource
    kafka: OpenSource = KafkaSource
    assert choose_source(CollectConfig()) is mqtt
    assert choose_source(CollectConfig(kafka=KafkaSettings(topics=("t",)))) is kafka
