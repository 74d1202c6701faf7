"""The live process over HTTP and WebSocket: data in, alarms out, answers, and who may do what."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.websockets import WebSocketDisconnect

from sensor_platform.errors import WrongUse
from sensor_platform.labels.label_store import read_labels
from sensor_platform.live.app import LiveApp
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.requests import answer_links
from sensor_platform.live.web.web_app import STATIC
from sensor_platform_tests.landing.homes import land_all
from sensor_platform_tests.live.live_apps import ACT, TestClient, app_of, client_of, latest, send
from sensor_platform_tests.waiting import wait_for

Live = tuple[TestClient, LiveApp]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    app = app_of(tmp_path_factory.mktemp("live") / "home")
    with client_of(app) as client:
        yield client, app


def test_messages_by_http_are_on_disk_when_answered_shown_live_and_landed(live: Live) -> None:
    client, app = live
    one = send(client, {"device_id": "one", "temp": 20.5})
    many = send(client, [{"device_id": "two", "temp": 1}, {"device_id": "two", "temp": 2}])
    lines = send(
        client, b'{"device_id":"three","temp":3}\n\n{"temp":NaN}\n', **{"content-type": "application/x-ndjson"}
    )
    assert [one.status_code, many.json()["accepted"], lines.json()["accepted"]] == [202, 2, 2]
    assert lines.json()["refused"][0]["rule"] in {"undecodable", "not_a_number", "no_device"}
    wait_for(lambda: latest(client, "two") == {"temp": 2.0})
    assert latest(client, "one") == {"temp": 20.5}
    wait_for(lambda: list(app.components.setup.home.wal.glob("*.http-*.wal")), 15)
    manifests = land_all(app.components.setup.home)
    assert sum(manifest.messages for manifest in manifests) >= 5
    assert sum(manifest.landed for manifest in manifests) >= 4


@pytest.mark.parametrize("body", [b"", b"   ", b"[", b"[1,", b"[]"])
def test_a_body_without_messages_is_refused_with_a_hint(live: Live, body: bytes) -> None:
    answer = send(live[0], body)
    assert (answer.status_code, bool(answer.json()["hint"])) == (400, True)


def test_an_alarm_is_shown_acknowledged_confirmed_and_becomes_a_label(live: Live) -> None:
    client, app = live
    name = "<script>alert(1)</script>"
    send(client, {"device_id": name, "temp": 95, "seq": 1})
    rows = wait_for(lambda: client.get("/api/alerts", params={"device": name}).json()["alerts"])
    alert_id = rows[0]["alert_id"]
    assert (rows[0]["state"], rows[0]["highest"]) == ("firing", 2)
    assert client.post(f"/api/alerts/{alert_id}/acknowledge", headers=ACT).status_code == 200
    wait_for(lambda: client.get("/api/alerts", params={"device": name}).json()["alerts"][0]["state"] == "acknowledged")
    assert client.post(f"/api/alerts/{alert_id}/confirm", headers=ACT).status_code == 200
    (label,) = [label for label in read_labels(app.components.setup.home) if label.device_id == name]
    assert (label.label, label.source, label.metric) == ("confirmed", "alert:hot", "temp")
    send(client, {"device_id": name, "temp": 20, "seq": 2})
    wait_for(lambda: client.get("/api/alerts", params={"device": name}).json()["alerts"][0]["state"] == "resolved")
    counted = client.get("/metrics").text
    for kind in ("fired", "acknowledged", "resolved"):
        assert f'alarm_events_total{{kind="{kind}",level="critical",metric="temp"}}' in counted
    assert client.post("/api/alerts/nothing/confirm", headers=ACT).status_code == 404
    assert client.post(f"/api/alerts/{alert_id}/explode", headers=ACT).status_code == 400


def test_the_websocket_tells_what_a_client_looks_at(live: Live) -> None:
    client, app = live
    send(client, {"device_id": "ws", "temp": 7})
    number = wait_for(lambda: app.components.viewer.view.numbers.get("ws", -1) + 1) - 1
    with client.websocket_connect("ws://127.0.0.1:8420/ws") as socket:
        socket.send_text(json.dumps({"rows": [number], "device": number}))
        found: dict[str, Any] = {}
        for _ in range(20):
            found |= socket.receive_json()
            if "rows" in found and "device" in found:
                break
        assert found["rows"][0]["id"] == "ws"
        assert found["device"][0]["value"] == 7.0
        assert {"counts", "pipeline", "alarms"} <= found.keys()


@pytest.mark.parametrize("text", ["no json", '{"rows":"x"}', '{"unknown":1}', '{"rows":[' + "1," * 9000 + "1]}"])
def test_a_client_that_is_not_understood_is_let_go(live: Live, text: str) -> None:
    with live[0].websocket_connect("ws://127.0.0.1:8420/ws") as socket, pytest.raises(WebSocketDisconnect):  # noqa: PT012 - until it goes
        socket.send_text(text)
        for _ in range(50):
            socket.receive_json()


def test_health_metrics_and_api_describe_themselves(live: Live) -> None:
    client, _ = live
    send(client, {"device_id": "measured", "temp": 1})
    alive = client.get("/healthz")
    assert (alive.status_code, alive.json().keys()) == (200, {"status", "timestamp", "checks"})
    text = client.get("/metrics").text
    for name in ("live_messages_total", "stage_seconds_bucket", "alarms", "live_connections", "wal_segments"):
        assert f"sensor_platform_{name}" in text
    assert 'le="0.005"' in text
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/ingest", "/api/latest", "/api/history", "/api/predict/{name}"} <= paths.keys()


def test_history_says_what_is_wrong_instead_of_failing(live: Live) -> None:
    client, _ = live
    assert client.get("/api/history", params={"device": "x"}).status_code == 400
    assert client.get("/api/history", params={"device": "x", "metric": "y", "window": "7s"}).status_code == 400
    assert client.get("/api/history", params={"device": "x", "metric": "y", "from": "never"}).status_code == 400
    assert client.get("/api/history", params={"device": "x", "metric": "y"}).status_code == 503


def test_the_page_has_no_foreign_source_and_forbids_them(live: Live) -> None:
    answer = live[0].get("/")
    assert answer.status_code == 200
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_pages_scripts_never_build_html_from_text() -> None:
    scripts = list(STATIC.glob("*.js"))
    assert scripts
    for path in scripts:
        text = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in text, f"{path.name} uses {word}"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 403),
        ({"x-requested-with": "sensor-platform", "origin": "http://evil.example"}, 403),
        ({"x-requested-with": "sensor-platform", "origin": "http://127.0.0.1:8420"}, 404),
        (ACT, 404),
    ],
)
def test_actions_of_other_pages_are_refused(live: Live, headers: dict[str, str], code: int) -> None:
    assert live[0].post("/api/alerts/none/acknowledge", headers=headers).status_code == code


def test_a_page_of_others_cannot_ingest_or_connect_nor_come_by_a_foreign_name(live: Live) -> None:
    client, _ = live
    assert send(client, {"device_id": "x", "t": 1}, origin="http://evil.example").status_code == 403
    assert client.get("/api/latest", headers={"host": "evil.example"}).status_code == 421
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:8420/ws", headers={"origin": "http://evil.example"}) as socket,
    ):
        socket.receive_json()


def test_with_a_token_nothing_but_health_is_open(tmp_path: Path) -> None:
    live = LiveConfig(host="0.0.0.0")
    with pytest.raises(WrongUse, match="no token"):
        app_of(tmp_path / "home", live=live)
    token = "long-and-secret"
    with client_of(app_of(tmp_path / "home", live=live, token=token)) as client:
        for path in ("/api/latest", "/metrics", "/openapi.json", "/readyz"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/healthz").status_code in {200, 503}
        known = {"authorization": f"Bearer {token}"}
        assert client.get("/api/latest", headers=known).status_code == 200
        assert send(client, {"device_id": "x", "t": 1}, **known).status_code == 202
        assert send(client, {"device_id": "x", "t": 1}).status_code == 401
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://127.0.0.1:8420/ws") as socket:
            socket.receive_json()
        assert client.post("/login", data={"token": "wrong"}, follow_redirects=False).status_code == 401
        done = client.post("/login", data={"token": token}, follow_redirects=False)
        cookie = done.headers["set-cookie"].lower()
        assert done.status_code == 303
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert token not in cookie
        assert client.get("/api/latest").status_code == 200, "the cookie is enough to look"
        assert client.post("/api/alerts/x/acknowledge").status_code == 403, "but not to act from elsewhere"


def test_too_much_is_refused(tmp_path: Path) -> None:
    live = LiveConfig(requests_per_second=5, most_body_bytes=100)
    with client_of(app_of(tmp_path / "home", live=live)) as client:
        assert send(client, b"x" * 101).status_code == 413

        def pieces() -> Iterator[bytes]:
            yield b"[" + b" " * 80
            yield b" " * 80

        assert client.post("/ingest", content=pieces()).status_code == 413
        assert 429 in [client.get("/healthz").status_code for _ in range(20)]


def test_a_signed_link_answers_only_when_a_button_is_pressed(live: Live) -> None:
    client, app = live
    send(client, {"device_id": "linked", "temp": 90})
    rows = wait_for(lambda: client.get("/api/alerts", params={"device": "linked"}).json()["alerts"])
    secret = answer_links.secret_of(app.components.setup.home.live)
    link = answer_links.link_of(
        secret, "http://127.0.0.1:8420", rows[0]["alert_id"], app.components.clock() // 1_000_000
    )
    assert client.get(link).status_code == 200
    assert not [label for label in read_labels(app.components.setup.home) if label.device_id == "linked"]
    assert client.post(link, data={"answer": "reject"}).status_code == 200
    (label,) = [label for label in read_labels(app.components.setup.home) if label.device_id == "linked"]
    assert label.label == "rejected"
    assert client.post(link[:-1] + ("0" if link[-1] != "0" else "1"), data={"answer": "confirm"}).status_code == 403
    old = answer_links.link_of(secret, "http://127.0.0.1:8420", rows[0]["alert_id"], 0)
    assert client.get(old).status_code == 403


def test_hostile_names_and_numbers_do_no_harm(live: Live) -> None:
    client, _ = live
    hostile = ["x" * 10_000, "\u0000\u202e", "'; drop table alerts; --", "../../etc/passwd", "\ud83d\ude00"]
    for name in hostile:
        assert send(client, json.dumps({"device_id": name, "temp": 60}).encode()).status_code == 202
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "1e308"):
        send(client, b'{"device_id":"numbers","temp":%s}' % number.encode())
    send(client, {"device_id": "clock", "timestamp": 9e18, "temp": 1})
    send(client, {"device_id": "clock", "timestamp": "0001-01-01", "temp": 1})
    wait_for(lambda: client.get("/api/latest", params={"device": hostile[2]}).json()["readings"])
    assert client.get("/api/latest").status_code == 200
    assert client.get("/api/devices", params={"search": "drop"}).json()["total"] == 1
    assert client.get("/healthz").status_code == 200
    assert msgspec.json.decode(client.get("/api/alerts").content)["alerts"]
