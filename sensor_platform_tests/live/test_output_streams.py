"""Streams, commands, device states and predictions through a real broker; scores from published forecasts."""

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import lightgbm
import msgspec
import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.alert.config import AlertConfig, Channel, Route
from sensor_platform.alert.replay_rules import replay_scores
from sensor_platform.collect.brokers.local import local_broker
from sensor_platform.collect.config import Broker
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.live.config import LiveConfig, OutputStream, Trigger
from sensor_platform.live.engine.score_feed import ScoreFeed
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.reading.contract import DEFAULT_CONTRACT, ValueSource
from sensor_platform.sinks.prediction_sink import PREDICTIONS_CONTRACT
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import OUTSIDE_OF, SCORE_OF, Anomaly, Forecast, LocalCommand, Threshold
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.landing.homes import T0, land_all
from sensor_platform_tests.live.live_apps import app_of, client_of, latest, send
from sensor_platform_tests.waiting import wait_for

Heard = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Heard, paho.Client]]:
    """A broker's port, all that was published to it, and a client."""
    if shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto")
    with local_broker(tmp_path_factory.mktemp("broker"), kind="mosquitto") as local:
        port = int(local.url.rpartition(":")[2])
        heard: Heard = []
        ready = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, "test-subscriber")
        client.on_connect = lambda c, *_: c.subscribe("#", 1)
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _c, _u, message: heard.append((message.topic, message.payload))
        client.connect("127.0.0.1", port)
        client.loop_start()
        assert ready.wait(10)
        yield port, heard, client
        client.disconnect()
        client.loop_stop()


def _model(home: Home) -> None:
    rng = np.random.default_rng(1)
    columns = ["influent_COD", "influent_pH", "flow_rate"]
    rows = rng.normal(size=(200, 3))
    data = lightgbm.Dataset(rows, label=(rows[:, 0] > 0).astype(int), feature_name=columns)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 5)
    folder = home.models / "served"
    folder.mkdir(parents=True)
    booster.save_model(str(folder / "reuse.txt"))
    (folder / "reuse.json").write_text('{"classes": ["unfit", "fit"]}')


def test_what_happens_is_published_for_others_and_a_command_goes_out(
    broker: tuple[int, Heard, paho.Client], tmp_path: Path
) -> None:
    port, heard, client = broker
    home = Home(tmp_path / "home")
    _model(home)
    live = LiveConfig(
        requests_per_second=10_000,
        page_per_second=50,
        engine=EngineConfig(settle="0s", idle="1s"),
        state_topic="devices/+/state",
        republish=(
            OutputStream(what="windows", mqtt="out/windows/{window}/{device}/{metric}", window="10s"),
            OutputStream(what="alarms", mqtt="out/alarms/{rule}/{device}"),
            OutputStream(what="readings", mqtt="out/readings/{device}"),
            OutputStream(what="last_row", mqtt="out/row", every="1s", tags={"site": "north"}, retain=True),
            OutputStream(what="predictions", mqtt="out/predictions/{device}"),
        ),
        triggers=(
            Trigger(
                name="reuse",
                group_by="plant",
                required=("COD", "pH"),
                every="1h",
                inputs={"influent_COD": "COD", "influent_pH": "pH", "flow_rate": "flow"},
                defaults={"flow_rate": 150.0},
            ),
        ),
    )
    rule = Threshold(
        name="hot",
        metric="temp",
        above=50.0,
        severity="critical",
        command=LocalCommand(topic="cmd/{device}/stop", payload="1"),
    )
    alerts = AlertConfig(
        rules=(rule,), channels={"bus": Channel(mqtt="out/notification/{device}")}, routes=(Route(channels=("bus",)),)
    )
    contract = PREDICTIONS_CONTRACT
    default = msgspec.structs.replace(DEFAULT_CONTRACT, tags={"plant": ValueSource(field=("plantId",))})
    app = app_of(home.root, live=live, alerts=alerts, broker=Broker(port=port), contracts=(contract, default))
    with client_of(app) as page:
        wait_for(lambda: app.components.links.site.is_connected)

        def topics(prefix: str) -> list[Any]:
            return [json.loads(payload) for topic, payload in heard if topic.startswith(prefix)]

        old = 1_700_000_000
        send(page, {"device_id": "press", "timestamp": old, "temp": 20})
        send(page, {"device_id": "press", "timestamp": old + 30, "temp": 80})
        (window,) = wait_for(lambda: topics("out/windows/10s/press/temp"))[:1]
        assert (window["n"], window["mean"], window["window_end"] - window["window_start"]) == (1, 20.0, 10_000_000)
        wait_for(lambda: topics("out/alarms/hot/press"))
        assert wait_for(lambda: topics("out/notification/press"))[0]["level"] == "critical"
        assert wait_for(lambda: [payload for topic, payload in heard if topic == "cmd/press/stop"]) == [b"1"]
        assert [row["value"] for row in wait_for(lambda: topics("out/readings/press"))] == [20.0, 80.0]
        row = wait_for(lambda: [each for each in topics("out/row") if each["devices"].get("press", {}).get("alarm")])[
            -1
        ]
        assert (row["site"], row["devices"]["press"]["temp"], row["devices"]["press"]["alarm"]) == (
            "north",
            80.0,
            "hot",
        )
        client.publish("devices/press/state", "offline", qos=1, retain=True)
        wait_for(lambda: app.components.links.states.states.get("press") == "offline")
        send(page, [{"device_id": "s1", "plantId": "P1", "COD": 0}, {"device_id": "s2", "plantId": "P1", "pH": 7.2}])
        send(page, {"device_id": "s1", "plantId": "P1", "COD": 3})
        said = wait_for(lambda: topics("out/predictions/P1"))
        assert (said[0]["inputs"]["influent_COD"], said[0]["defaulted"]) == (0, ["flow_rate"]), "a real 0 stays 0"
        assert said[0]["class"] in {"fit", "unfit"}
        wait_for(lambda: "reuse" in latest(page, "P1"))
        asked = page.post("/api/predict/reuse", json=said[0]["inputs"], headers={"x-requested-with": "sensor-platform"})
        assert asked.json()["class"] == said[0]["class"]
        assert asked.json()["confidence"] == said[0]["reuse confidence"]
        assert len(topics("out/predictions/P1")) == 1, "at most once an interval"
    wait_for(lambda: not list(home.ingest.glob("*.open")))
    manifests = land_all(home, (contract, default))
    assert sum(manifest.quarantined for manifest in manifests) == 0, "predictions land like all others"


def test_a_model_is_asked_by_name_only_and_never_by_path(tmp_path: Path) -> None:
    home = Home(tmp_path)
    _model(home)
    predictor = Predictor(home)
    assert predictor.names() == ["reuse"]
    assert predictor.predict("reuse", {"influent_COD": 1, "other": 2})["ignored"] == ["other"]
    for name in ("../reuse", "", "nothing", "reuse/../reuse", "a" * 100):
        with pytest.raises(WrongUse):
            predictor.predict(name, {})
    with pytest.raises(WrongUse, match="not a number"):
        predictor.predict("reuse", {"influent_COD": "x"})


def test_scores_come_from_hours_that_are_over_each_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.published.mkdir()
    base = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC, like the columns
    with duckdb.connect(str(home.analytics_file)) as connection:
        connection.execute(
            "create table prediction_accuracy (device_id varchar, metric varchar, issued_at timestamp,"
            " target_at timestamp, value double, lower double, upper double, actual double)"
        )
        connection.execute(
            "create table anomalies (device_id varchar, metric varchar, window_start timestamp, score double,"
            " threshold double)"
        )

        def add(hour: int, actual: float, score: float | None) -> None:
            row = ["d", "m", base, base.replace(hour=hour), 10.0, 8.0, 12.0, actual]
            connection.execute("insert into prediction_accuracy values (?, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute("insert into anomalies values ('d', 'm', ?, ?, 4.0)", [base.replace(hour=hour), score])

        for hour in range(3):
            add(hour, 10.0, 1.0)
    rules = (Anomaly(name="a", metric="m", above=1.0), Forecast(name="f", metric="m"))
    given: list[Any] = []
    scores = ScoreFeed(home, rules, given.extend, lambda *_: None)
    first = scores.look()
    assert [(row[1], row[4]) for row in first] == [(SCORE_OF + "m", 0.25), (OUTSIDE_OF + "m", 0.0)]
    assert {row[2] for row in first} == {int(base.replace(hour=2, tzinfo=UTC).timestamp() * 1e6)}, "the end of its hour"
    assert scores.look() == []
    with duckdb.connect(str(home.analytics_file)) as connection:
        add(3, 15.0, 6.0)
        add(4, 10.0, None)
        add(5, 10.0, 1.0)
    again = ScoreFeed(home, rules, given.extend, lambda *_: first[0][2])
    for looking in (scores, again):
        found = looking.look()
        assert [row[4] for row in found if row[1].startswith(SCORE_OF)] == [0.25, 1.5]
        assert [row[4] for row in found if row[1].startswith(OUTSIDE_OF)] == [0.0, 3.0, 0.0]


def test_rules_about_scores_are_replayed_with_the_rows_that_live_is_given() -> None:
    hour = 3_600_000_000
    values = [0.5, 1.5, 1.7, 0.2, 3.0, 0.1]
    rows = [("d", SCORE_OF + "m", T0 // hour * hour + number * hour, value) for number, value in enumerate(values)]
    rules = (
        Anomaly(name="a", metric="m", above={"warning": 1.0, "critical": 2.0}),
        Anomaly(name="north", metric="m", above=1.0, tags={"plant": "north"}),
    )
    engine = Engine(EngineConfig(), EngineCatalog(), rules)
    engine.index.device_numbers(["d"])
    engine.index.tags[0] = {"plant": "north"}
    live = []
    for device, metric, at, value in rows:
        live += engine.inject([(device, metric, at, at, value)], at + 400_000_000)
        live += engine.tick(at + 400_000_000).events
    history = replay_scores(
        [(0, AlertConfig(rules=rules))], EngineConfig(), rows, {"d": {"plant": "north"}}, rows[-1][2]
    )
    assert sorted(event.key for event in live) == sorted(event.key for event in history)
    assert [event.kind for event in history if event.rule == "a"] == ["fired", "resolved", "fired", "resolved"]
    assert {event.rule for event in history} == {"a", "north"}
