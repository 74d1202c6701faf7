"""Live processes for tests: put together with small settings, and served without a port."""

import json
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from sensor_platform.alert.config import AlertConfig
from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.live.app import LiveApp, make_live
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.rules import Threshold

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette recommends the successor of httpx
    from starlette.testclient import TestClient as TestClient  # noqa: PLC0414 - exported

ACT = {"x-requested-with": "sensor-platform"}


def setup_of(home: Path, **changes: Any) -> LiveSetup:
    live = LiveConfig(requests_per_second=10_000, engine=EngineConfig(settle="0s"), page_per_second=50)
    base: dict[str, Any] = {
        "home": Home(home),
        "site": "test <site>",
        "start": date(2010, 1, 1),
        "slot_minutes": 10,
        "collect": CollectConfig(),
        "landing": LandingConfig(),
        "live": live,
        "alerts": AlertConfig(rules=(Threshold(name="hot", metric="temp", above={"warning": 50.0, "critical": 80.0}),)),
        "contracts": (DEFAULT_CONTRACT,),
        "catalog": None,
        "broker": Broker(port=1),
        "uplink": None,
        "token": "",
        "variables": {},
    }
    return LiveSetup(**base | changes)


def app_of(home: Path, **changes: Any) -> LiveApp:
    return make_live(setup_of(home, **changes))


def client_of(app: LiveApp) -> TestClient:
    """As a context manager it starts and stops the process."""
    return TestClient(app.web, base_url="http://127.0.0.1:8420")


def send(client: TestClient, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer: httpx.Response = client.post("/ingest", content=content, headers=headers)
    return answer


def latest(client: TestClient, device: str) -> dict[str, Any]:
    """Newest value of each metric of a device."""
    rows = client.get("/api/latest", params={"device": device}).json()["readings"]
    return {row["metric"]: row["value"] for row in rows}
