"""Windows, alarms, readings, last values and the pivoted row, as others read them from Kafka."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform.alert.config import AlertConfig, Channel, Route
from sensor_platform.live.config import LiveConfig, OutputStream
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.rules import Threshold
from sensor_platform_tests.kafka_cluster import MockKafka, mock_kafka
from sensor_platform_tests.live.live_apps import app_of, client_of, send
from sensor_platform_tests.waiting import wait_for

OLD = 1_700_000_000


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield cluster


def test_what_happens_is_published_to_kafka_keyed_by_device(kafka: MockKafka, tmp_path: Path) -> None:
    live = LiveConfig(
        requests_per_second=10_000,
        kafka_servers=kafka.servers,
        engine=EngineConfig(settle="0s", idle="1s"),
        republish=(
            OutputStream(what="windows", kafka="windows", window="10s"),
            OutputStream(what="alarms", kafka="alarms"),
            OutputStream(what="readings", kafka="readings"),
            OutputStream(what="values", kafka="values", every="1s"),
            OutputStream(what="last_row", kafka="row", every="1s", tags={"site": "north"}),
        ),
    )
    alerts = AlertConfig(
        rules=(Threshold(name="low", metric="fuel", below=20.0, severity="critical"),),
        channels={"bus": Channel(kafka="notifications")},
        routes=(Route(channels=("bus",)),),
    )
    app = app_of(tmp_path / "home", live=live, alerts=alerts)
    with client_of(app) as page:
        send(page, {"device_id": "gen-1", "timestamp": OLD, "fuel": 80, "load": 0.5})
        send(page, {"device_id": "gen-2", "timestamp": OLD + 1, "fuel": 90})
        send(page, {"device_id": "gen-1", "timestamp": OLD + 30, "fuel": 12, "load": 0.7})
        readings = kafka.read("readings", 5)
        assert {(key, row["metric"], row["value"]) for key, row in readings} == {
            ("gen-1", "fuel", 80.0),
            ("gen-1", "load", 0.5),
            ("gen-2", "fuel", 90.0),
            ("gen-1", "fuel", 12.0),
            ("gen-1", "load", 0.7),
        }
        windows = {(key, row["metric"], row["window_start"]): row for key, row in kafka.read("windows", 5)}
        first = windows["gen-1", "fuel", OLD * 1_000_000]
        assert (first["n"], first["mean"], first["window_end"] - first["window_start"]) == (1, 80.0, 10_000_000)
        [(key, alarm)] = kafka.read("alarms", 1)
        assert (key, alarm["kind"], alarm["rule"], alarm["value"]) == ("gen-1", "fired", "low", 12.0)
        assert kafka.read("notifications", 1)[0][1]["key"]
        kafka_rows = wait_for(lambda: [row for _, row in kafka.read("row", 1) if len(row["devices"]) == 2])
        row = kafka_rows[-1]
        assert row["site"] == "north"
        assert row["devices"]["gen-1"] | {"at": 0} == {"fuel": 12.0, "load": 0.7, "alarm": "low", "at": 0}
        assert row["devices"]["gen-2"] | {"at": 0} == {"fuel": 90.0, "alarm": "", "at": 0}
        values = kafka.read("values", 2)
        assert ("gen-1", {"fuel": 12.0, "load": 0.7}) in [(key, each["values"]) for key, each in values]
