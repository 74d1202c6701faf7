"""Machines that run hot: found at once and stopped, once whatever is killed; kept in a table, labelled by people."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform_tests.running import wait_until
from sensor_platform_tests.scenarios.platforms import Live, Scenario, running_scenario

START = (datetime.now(UTC) - timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)


def hot(machine: str, count: int, minute: int) -> list[ScheduledMessage]:
    """So many readings above 100 within one minute."""
    base = START.timestamp() + minute * 60
    bodies = [
        {"sensor_id": machine, "timestamp": base + n * 5, "metric_type": "temperature", "value": 100.5 + n}
        for n in range(count)
    ]
    return [ScheduledMessage(0.0, "telemetry/temperature", json.dumps(body).encode()) for body in bodies]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scenario, list[str]]]:
    """The scenario and the commands that machines were given."""
    folder = tmp_path_factory.mktemp("machines")
    commands: list[str] = []
    with running_scenario("predictive_maintenance", folder, START.date()) as scenario, Live(scenario) as live:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _c, _u, message: commands.append(message.topic)
        client.connect("127.0.0.1", int(scenario.url.rsplit(":", 1)[1]))
        client.loop_start()
        client.subscribe("commands/#", 1)
        calm = [each for each in scenario.fleet(90.0, START) if b"hot-" not in each.payload]
        sent = scenario.send(calm)
        sent += scenario.send([*hot("edge", 5, 0), *hot("over", 6, 0), *hot("apart", 3, 0), *hot("apart", 3, 1)])
        live.wait_for_messages(sent)
        wait_until(lambda: bool(commands), "a command", 20)
        live.kill()
        with Live(scenario) as again:
            wait_until(lambda: bool(again.get("/api/alerts?state=")["alerts"]), "the alert", 20)
            [alert] = again.get("/api/alerts?state=")["alerts"]
            assert scenario.run("alerts", "confirm", alert["alert_id"], "--by", "ada").returncode == 0
        client.loop_stop()
        scenario.wait_for_landed(sent)
        scenario.materialise(START.date(), START.date())
        yield scenario, commands


def test_more_than_five_within_a_minute_is_an_anomaly_and_five_are_none(
    machines: tuple[Scenario, list[str]],
) -> None:
    scenario, _ = machines
    assert scenario.ask("select device_id, rule, severity, value from alerts") == [
        ("over", "overheating", "critical", 105.5)
    ]


def test_the_machine_was_stopped_once_although_everything_was_killed(machines: tuple[Scenario, list[str]]) -> None:
    _, commands = machines
    assert commands == ["commands/over/stop"]


def test_what_a_person_said_is_in_the_table(machines: tuple[Scenario, list[str]]) -> None:
    scenario, _ = machines
    assert scenario.ask("select label from alerts") == [("confirmed",)]
