"""A sink of a new kind, added by its module and one line of the table, sends the notification of a real rule."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from sensor_platform.sinks.sink import Connections, Destination, SinkMessage
from sensor_platform.sinks.sink_table import SINKS
from sensor_platform.site import read_rules
from sensor_platform_tests.live.live_apps import app_of, client_of, send
from sensor_platform_tests.waiting import wait_for

RULES = """
rules:
  - {name: hot, kind: threshold, metric: temp, above: 80, severity: critical}
channels:
  log: {url: "lines://%s"}
routes:
  - {channels: [log]}
"""


class LinesSink:
    """Appends each notification to a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def send(self, messages: Sequence[SinkMessage]) -> None:
        self._file.writelines(message.payload + b"\n" for message in messages)
        self._file.flush()

    def is_up(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


def make(destination: Destination, _connections: Connections) -> LinesSink:
    return LinesSink(Path(destination.address.removeprefix("lines://")))


def test_a_new_kind_of_sink_sends_the_notification_of_a_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SINKS, "lines://", make)  # the line of the table
    written = tmp_path / "notifications"
    (tmp_path / "rules.yaml").write_text(RULES % written)
    app = app_of(tmp_path / "home", alerts=read_rules(tmp_path / "rules.yaml"))
    with client_of(app) as client:
        send(client, {"device_id": "oven", "temp": 95})
        wait_for(written.read_bytes)
        checks = client.get("/readyz").json()["checks"]
    (line,) = written.read_bytes().splitlines()
    notification = json.loads(line)
    assert [notification[name] for name in ("rule", "device_id", "level", "kind", "value")] == [
        *("hot", "oven", "critical", "fired"),
        95.0,
    ]
    assert checks["channel log"]["ok"]
