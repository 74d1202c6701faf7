"""Crowds, slow clients and clocks that jump: nobody takes the live process down or makes it lie."""

import asyncio
import hmac
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect, WebSocketState

from sensor_platform.live.config import LiveConfig
from sensor_platform.live.engine.view import NOTHING
from sensor_platform.live.web import security
from sensor_platform.live.web.socket import Hub
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import NoData
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.landing.homes import T0, land_all
from sensor_platform_tests.live.live_apps import app_of, client_of
from sensor_platform_tests.waiting import wait_for

SECOND, HOUR = 1_000_000, 3_600_000_000


class _Socket:
    """A client that reads at once, or never."""

    def __init__(self, *, reads: bool, host: str = "10.0.0.1") -> None:
        self.client = SimpleNamespace(host=host)
        self.application_state = WebSocketState.CONNECTED
        self.got: list[dict[str, Any]] = []
        self.closed: int | None = None
        self._reads = reads
        self._gone = asyncio.Event()

    async def accept(self) -> None:
        """Welcome."""

    async def receive_text(self) -> str:
        await self._gone.wait()
        raise WebSocketDisconnect

    async def send_text(self, text: str) -> None:
        if not self._reads:
            await asyncio.sleep(3600)
        self.got.append(json.loads(text))

    async def close(self, code: int, _reason: str = "") -> None:
        self.closed = code
        self.application_state = WebSocketState.DISCONNECTED
        self._gone.set()


def _hub(most: int = 50, most_per_address: int = 20) -> Hub:
    return Hub(lambda: NOTHING, dict, 100, most, most_per_address, dict, list)


def test_a_client_that_never_reads_slows_nobody_and_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor_platform.live.web.socket._SEND_SECONDS", 0.5)

    async def scene() -> tuple[_Socket, _Socket]:
        hub = _hub()
        hub.begin()
        slow, quick = _Socket(reads=False), _Socket(reads=True)
        serving = [asyncio.create_task(hub.serve(each)) for each in (slow, quick)]  # type: ignore[arg-type]
        for _ in range(40):
            hub.publish()
            await asyncio.sleep(0.025)
        assert len(hub.clients) == 1
        await quick.close(1000)
        await asyncio.gather(*serving)
        assert (hub.clients, dict(hub.addresses)) == (set(), {})
        return slow, quick

    slow, quick = asyncio.run(scene())
    assert (slow.closed, slow.got) == (1013, [])
    assert len(quick.got) > 20


def test_connections_are_limited_in_all_and_by_address() -> None:
    async def scene() -> list[int | None]:
        hub = _hub(most=3, most_per_address=2)
        hub.begin()
        sockets = [_Socket(reads=True, host=host) for host in ("a", "a", "a", "b", "c")]
        serving = [asyncio.create_task(hub.serve(each)) for each in sockets]  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        codes = [each.closed for each in sockets]
        for each in sockets:
            await each.close(1000)
        await asyncio.gather(*serving)
        return codes

    assert asyncio.run(scene()) == [None, None, 1013, None, 1013]


def test_a_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[bytes] = []
    compare = hmac.compare_digest

    def counting(given: bytes, wanted: bytes) -> bool:
        asked.append(given)
        return compare(given, wanted)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    with client_of(app_of(tmp_path / "home", token="s" * 20)) as client:
        assert client.get("/api/latest", headers={"authorization": "Bearer guess"}).status_code == 401
        assert client.get("/api/latest", headers={"cookie": f"{security.COOKIE}=guess"}).status_code == 401
    assert asked == [b"guess", b"guess"]


def test_a_crowd_of_devices_is_bounded_told_and_landed(tmp_path: Path) -> None:
    live = LiveConfig(requests_per_second=10_000, engine=EngineConfig(settle="0s", most_series=1_000))
    app = app_of(tmp_path / "home", live=live)
    with client_of(app) as client:
        for start in range(0, 100_000, 25_000):
            lines = b"\n".join(b'{"device_id":"crowd-%d","temp":1}' % n for n in range(start, start + 25_000))
            answer = client.post("/ingest", content=lines, headers={"content-type": "application/x-ndjson"})
            assert answer.json()["accepted"] == 25_000
        wait_for(lambda: app.components.viewer.view.counts.get("refused_series", 0) == 99_000, 60)
        check = client.get("/readyz").json()["checks"]["most_series"]
        assert (check["ok"], check["detail"]) == (False, "reached: 99000 readings are not followed live")
        assert client.get("/api/devices").json()["total"] == 1_000
        index = app.components.loop.engine.index
        held = (index.devices, index.metrics, index._device_numbers, index._series, app.components.viewer._numbers)
        assert max(map(len, held)) <= 1_000, "nothing that grows with names grows beyond the limit"
    manifests = land_all(app.components.setup.home, (DEFAULT_CONTRACT,))
    assert sum(manifest.landed for manifest in manifests) == 100_000, "the tables have them all"


def _fed(engine: Engine, rows: list[tuple[str, int, int]], now: int) -> tuple[list[tuple[str, int, int]], list[str]]:
    """Feed (device, event second, arrival second); closed windows (device, start second, n) and kinds of events."""
    payloads = [
        json.dumps({"device_id": d, "timestamp": (T0 + at * SECOND) / 1e6, "m": 1}).encode() for d, at, _ in rows
    ]
    arrivals = [T0 + arrival * SECOND for *_, arrival in rows]
    decoded = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 10 * HOUR)).decode(
        MessageBatch(["x"] * len(rows), payloads, arrivals)
    )
    _, events = engine.take(decoded, arrivals, set(), set(), T0 + now * SECOND)
    outcome = engine.tick(T0 + now * SECOND)
    closed = [
        (engine.index.device(series), int(start - T0) // SECOND, n)
        for each in outcome.closed
        for series, start, n in zip(*(each.columns[name].tolist() for name in ("series", "start", "n")), strict=True)
    ]
    return closed, [event.kind for event in events + outcome.events]


def test_a_device_whose_clock_jumps_ahead_and_back_closes_nothing_early() -> None:
    engine = Engine(EngineConfig(keep="10m"), EngineCatalog())
    assert _fed(engine, [("d", 1, 1), ("d", 3600, 2), ("d", 3, 3)], 3)[0] == [], "an hour ahead, and nothing is over"
    closed, _ = _fed(engine, [("d", 4, 4), ("d", 12, 12)], 12)
    assert closed == [("d", 0, 3)]
    closed, _ = _fed(engine, [("d", 3700, 3700)], 3700)
    assert ("d", 3600, 1) in closed, "what it said of the future is kept until then"


def test_a_host_whose_clock_jumps_ahead_and_back_loses_no_window_and_no_alarm_for_ever() -> None:
    engine = Engine(EngineConfig(settle="0s"), EngineCatalog(), [NoData(name="silent", after="60s")])
    _fed(engine, [("d", 1, 1)], 1)
    assert _fed(engine, [], 3600)[1] == ["fired"], "to us an hour without news is silence"
    closed, events = _fed(engine, [("d", 2, 3601), ("d", 13, 3613)], 3613)
    assert events == ["resolved"]
    seen = [(row[1], row[2]) for row in closed]
    for second in range(14, 60):  # the host is set back; its device goes on
        closed, events = _fed(engine, [("d", second, second)], second)
        seen += [(row[1], row[2]) for row in closed]
        assert events == []
    assert {start for start, _ in seen} >= {0, 10, 20, 30, 40}, "windows go on closing"
    assert _fed(engine, [], 3613 + 61)[1] == ["fired"], "silence is noticed once the clock has caught up"
    assert np.isfinite(engine.now)
