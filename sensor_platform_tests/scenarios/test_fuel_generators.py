"""Generators over MQTT or over Kafka: the same tables; last values as one row with an alarm column, out again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.home import Home
from sensor_platform_tests.kafka_cluster import mock_kafka
from sensor_platform_tests.running import RunningCollector, wait_until
from sensor_platform_tests.scenarios.platforms import Live, Scenario, running_scenario

START = (datetime.now(UTC) - timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
_ROWS = "select device_id, metric, event_at, value, verdict, tags['fleet'] from readings_clean order by all"


def sooner(site: str) -> str:
    return site.replace("every: 1h", "every: 1s")


@pytest.fixture(scope="module")
def generators(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Scenario, list[ScheduledMessage], dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("fuel")
    with running_scenario("fuel_generators", folder, START.date(), sooner) as scenario, Live(scenario) as live:
        heard: list[Any] = []
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _c, _u, message: heard.append(json.loads(message.payload))
        client.connect("127.0.0.1", int(scenario.url.rsplit(":", 1)[1]))
        client.loop_start()
        client.subscribe("fuel/last", 1)
        scenario.publisher.publish("generators/gen-001/state", b"offline")
        messages = list(scenario.fleet(60.0, START))
        scenario.wait_for_landed(scenario.send(messages))
        wait_until(lambda: bool(heard) and len(heard[-1]["devices"]) == 12, "the row of all generators", 30)
        wait_until(lambda: bool(live.get("/api/alerts?state=firing")["alerts"]), "an alert", 30)
        client.loop_stop()
        scenario.materialise(START.date(), START.date())
        yield scenario, messages, heard[-1]


def test_the_last_values_go_out_as_one_row_with_an_alarm_column(
    generators: tuple[Scenario, list[ScheduledMessage], dict[str, Any]],
) -> None:
    _, messages, row = generators
    newest: dict[str, dict[str, Any]] = {}
    for message in messages:
        body = json.loads(message.payload)
        newest[body["generatorID"]] = body
    assert row["fleet"] == "emergency"
    assert set(row["devices"]) == set(newest)
    for device, values in row["devices"].items():
        assert values["fuel_level"] == newest[device]["fuel_level"]
        assert ("fuel low" in values["alarm"]) == device.startswith("dry")


def test_the_downsampled_table_has_the_last_value_and_the_alarm_of_each_hour(
    generators: tuple[Scenario, list[ScheduledMessage], dict[str, Any]],
) -> None:
    scenario, _, row = generators
    found = scenario.ask(
        "select h.device_id, h.last, coalesce(string_agg(distinct a.rule, ', '), '')"
        " from readings_1h h left join alerts a"
        " on a.device_id = h.device_id and a.fired_at < h.window_start + interval 1 hour"
        " and coalesce(a.resolved_at, timestamp '9999-01-01') >= h.window_start"
        " where h.metric = 'fuel_level' group by all"
    )
    expected = {(device, values["fuel_level"], values["alarm"]) for device, values in row["devices"].items()}
    assert {(device, last, alarm) for device, last, alarm in found if alarm != "no contact"} == expected


def test_through_kafka_the_tables_are_the_same(
    generators: tuple[Scenario, list[ScheduledMessage], dict[str, Any]], tmp_path: Path
) -> None:
    scenario, messages, _ = generators
    with mock_kafka() as kafka:
        pairs: list[tuple[bytes, bytes, dict[str, str]]]
        pairs = [(json.loads(message.payload)["generatorID"].encode(), message.payload, {}) for message in messages]
        kafka.send("generators", pairs)
        site = tmp_path / "site"
        site.mkdir()
        for path in scenario.site.rglob("*.*"):
            target = site / path.relative_to(scenario.site)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        text = (site / "site.yaml").read_text()
        (site / "site.yaml").write_text(
            text.replace('  # kafka: {servers: "kafka-1:9092"', f'  kafka: {{servers: "{kafka.servers}"')
        )
        home = Home(tmp_path / "home")
        collector = RunningCollector(home.root, scenario.url, site=site, arguments=("collect",))
        other = Scenario(site, home, scenario.publisher, collector, scenario.url)
        collector.start()
        try:
            other.wait_for_landed(len(messages))
        finally:
            collector.stop()
        other.materialise(START.date(), START.date())
    assert other.ask(_ROWS) == scenario.ask(_ROWS)
    assert other.fates()["landed"] == len(messages)
