"""Water plants while they run: alerts by severity to mail, SMS and webhook, a prediction per minute and plant, API."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import lightgbm
import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform_tests.live.receivers import Hook, Mail, hook, mail
from sensor_platform_tests.running import wait_until
from sensor_platform_tests.scenarios import reusability
from sensor_platform_tests.scenarios.platforms import Live, Scenario, running_scenario

START = (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
MINUTE = int(START.timestamp()) + 600
FIVE = {"pH": 7.2, "BOD": 12.0, "COD": 0.0, "TSS": 40.0, "TDS": 500.0}
"""A real 0 stays 0; flow and temperature are absent and take their defaults."""


def reading(parameter: str, value: Any, plant: str | None = "north", second: int = 0) -> dict[str, Any]:
    """What a sensor says."""
    body = {"sensorId": f"{plant}-1", "parameter": parameter, "value": value, "timestamp": MINUTE + second}
    return body if plant is None else body | {"plantId": plant}


@dataclass
class Plants:
    """The scenario with everything that listens."""

    scenario: Scenario
    live: Live
    letters: Mail
    sms: Hook
    tickets: Hook
    heard: list[tuple[str, dict[str, Any]]]

    def send(self, *readings: dict[str, Any]) -> Any:
        return self.live.post("/ingest", list(readings))

    def predictions(self, plant: str) -> list[dict[str, Any]]:
        return [row for topic, row in self.heard if topic == f"reusability/{plant}"]

    def rules_told(self, receiver: Hook) -> set[tuple[str, str]]:
        return {(body["rule"], body["level"]) for body in receiver.bodies}


def channels(letters: Mail, sms: Hook, tickets: Hook) -> str:
    """What a real site has in place of the bus."""
    own = {"mail": letters.url, "sms": sms.url, "hook": tickets.url}
    routes = [{"severity": "critical", "channels": list(own)}, {"severity": "warning", "channels": ["mail"]}]
    named = {name: {"url": url} for name, url in own.items()}
    return f"channels: {json.dumps(named)}\nroutes: {json.dumps(routes)}\n"


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plants]:
    folder = tmp_path_factory.mktemp("water")
    with hook() as sms, hook() as tickets, mail() as letters:
        told = channels(letters, sms, tickets)
        with running_scenario(
            "water_quality", folder, START.date(), change_rules=lambda text: text.partition("channels:")[0] + told
        ) as scenario:
            models = scenario.site / "models"
            added = scenario.run(
                "models", "add", str(models / "reusability.txt"), "--card", str(models / "reusability.json")
            )
            assert added.returncode == 0, added.stderr
            heard: list[tuple[str, dict[str, Any]]] = []
            client = paho.Client(CallbackAPIVersion.VERSION2)
            client.on_message = lambda _c, _u, message: heard.append((message.topic, json.loads(message.payload)))
            client.connect("127.0.0.1", int(scenario.url.rsplit(":", 1)[1]))
            client.loop_start()
            client.subscribe("reusability/#", 1)
            with Live(scenario) as live:
                yield Plants(scenario, live, letters, sms, tickets, heard)
            client.loop_stop()


def test_a_plant_is_judged_once_all_five_are_there_and_once_a_minute(plants: Plants) -> None:
    *four, last = (reading(parameter, value) for parameter, value in FIVE.items())
    plants.send(*four)
    plants.send(*(reading(parameter, value, "south") for parameter, value in FIVE.items()))
    wait_until(lambda: bool(plants.predictions("south")), "a prediction for the south", 20)
    assert plants.predictions("north") == []
    plants.send(last)
    wait_until(lambda: bool(plants.predictions("north")), "a prediction for the north", 20)
    plants.send(*(reading(parameter, value, second=30) for parameter, value in FIVE.items()))
    plants.send(*(reading(parameter, value, second=60) for parameter, value in FIVE.items()))
    wait_until(lambda: len(plants.predictions("north")) >= 2, "the next minute's prediction", 20)
    assert [row["window_start"] for row in plants.predictions("north")] == [
        MINUTE * 1_000_000,
        (MINUTE + 60) * 1_000_000,
    ]


def test_what_is_absent_takes_its_default_and_a_real_0_stays_0(plants: Plants) -> None:
    [said] = [row for row in plants.predictions("south") if row["window_start"] == MINUTE * 1_000_000]
    assert said["inputs"]["influent_COD"] == 0.0
    assert (said["inputs"]["flow_rate"], said["inputs"]["temperature"]) == (150.0, 25.0)
    assert set(said["defaulted"]) == {"flow_rate", "temperature"}
    asked = plants.live.post("/api/predict/reusability", said["inputs"])
    assert (asked["class"], asked["confidence"]) == (said["class"], said["reusability confidence"])
    assert (said["class"], said["reusability confidence"] > 0.9) == ("irrigation", True)


def test_warnings_go_by_mail_and_what_is_critical_everywhere(plants: Plants) -> None:
    plants.send(reading("BOD", 30.0, "a"), reading("COD", 250.0, "a"), reading("TSS", 100.0, "a"))
    plants.send(reading("BOD", 30.1, "b"), reading("COD", 500.1, "c"), reading("TSS", 10_000.1, "d"))
    wait_until(lambda: bool(plants.tickets.bodies and plants.sms.bodies), "the critical alarm", 20)
    wait_until(lambda: len(plants.letters.letters) >= 2, "both letters", 20)
    assert plants.rules_told(plants.tickets) == plants.rules_told(plants.sms) == {("COD high", "critical")}
    subjects = sorted(letter.split(b"Subject: ")[1].splitlines()[0] for letter in plants.letters.letters)
    assert len(subjects) == 2
    assert b"CRITICAL" in subjects[0]
    assert b"BOD high" in subjects[1]


def test_what_cannot_be_a_reading_is_told_to_the_sender_at_once(plants: Plants) -> None:
    said = plants.send(reading("pH", "soon"), {"parameter": "pH", "value": 7}, reading("pH", "7.1", None))
    assert (said["accepted"], [each["message"] for each in said["refused"]]) == (3, [0, 1])
    assert all(each["rule"] and each["hint"] for each in said["refused"])


def test_latest_values_metrics_by_plant_and_health_are_there(plants: Plants) -> None:
    def latest() -> dict[str, float]:
        rows = plants.live.get("/api/latest?device=north-1")["readings"]
        return {row["metric"]: row["value"] for row in rows}

    wait_until(lambda: FIVE.items() <= latest().items(), "the latest values", 20)
    refused = 'sensor_platform_live_received_messages_total{group="(none)",source="collector.http"} 2.0'
    wait_until(lambda: refused in plants.live.text("/metrics"), "what was refused just now", 20)
    metrics = plants.live.text("/metrics")
    assert 'sensor_platform_group_readings_total{group="south",status="usable"} 5.0' in metrics
    assert 'sensor_platform_live_received_messages_total{group="south",source="collector.http"} 5.0' in metrics
    assert 'sensor_platform_group_readings_total{group="d",status="bad"} 1.0' in metrics
    assert 'sensor_platform_alarms{level="critical",metric="COD",rule="COD high"} 1.0' in metrics
    health = plants.live.get("/healthz")
    assert health["status"] == "healthy"
    assert {"status", "timestamp", "checks"} <= health.keys()


def test_the_tables_hold_the_same_predictions_and_history_any_window(plants: Plants) -> None:
    told = plants.predictions("north")
    sent = 20 + 6 + 3 + len(told) + len(plants.predictions("south"))
    plants.scenario.wait_for_landed(sent)
    plants.scenario.materialise(START.date(), datetime.now(UTC).date())
    rows = plants.scenario.ask(
        "select epoch_us(event_at), value, tags['class'] from readings_clean"
        " where device_id = 'north' and metric = 'reusability' order by 1"
    )
    assert rows == [(row["window_start"], row["reusability"], row["class"]) for row in told]
    history = plants.live.get(f"/api/history?device=north-1&metric=BOD&from={MINUTE}&to={MINUTE + 60}&window=1m")
    [row] = [dict(zip(history["columns"], row, strict=True)) for row in history["rows"]]
    assert (row["n"], row["mean"]) == (2, 12.0)


def test_the_model_is_what_its_maker_makes_and_its_card_names_it() -> None:
    path = reusability.FOLDER / "reusability.txt"
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    water = reusability.water(5_000, np.random.default_rng(99))
    shipped = np.asarray(lightgbm.Booster(model_file=str(path)).predict(water))
    made = np.asarray(reusability.train().predict(water))
    assert np.mean(shipped.argmax(1) == made.argmax(1)) > 0.99
    assert np.mean(shipped.argmax(1) == reusability.rule_of_thumb(water)) > 0.98
