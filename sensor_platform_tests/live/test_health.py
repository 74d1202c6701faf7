"""Ready or not: what fails, what only waits for its first use, and what the gate says to whom it turns away."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.collector_status import status_path as collector_path
from sensor_platform.home import Home
from sensor_platform.landing.lander_status import LanderStatus, write_status
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.live.monitor.platform_status import StatusPoller
from sensor_platform_tests.live.live_apps import app_of, client_of
from sensor_platform_tests.waiting import wait_for

PIPELINE = ("collector", "lander", "ledger", "published")


def _collector(home: Home, state: str, age: float = 0.0) -> None:
    home.wal.mkdir(parents=True, exist_ok=True)
    said = CollectorStatus(
        collector="c", pid=1, broker="b", client_id="i", lane="bulk", started_at=0.0, updated_at=time.time() - age
    )
    said.state = state  # type: ignore[assignment]
    collector_path(home.wal, "c").write_bytes(msgspec.json.encode(said))


def _lander(home: Home, state: str, age: float = 0.0) -> None:
    home.ledger.mkdir(parents=True, exist_ok=True)
    write_status(home, LanderStatus(state=state, updated_at=int((time.time() - age) * 1e6)))


def _ready(home: Home) -> tuple[int, dict[str, Any]]:
    """What `/readyz` says once it has looked."""
    with client_of(app_of(home.root)) as client:
        wait_for(lambda: "ledger" in client.get("/readyz").json()["checks"])
        wait_for(lambda: client.get("/readyz").json()["checks"]["engine"]["ok"])
        answer = client.get("/readyz")
        return answer.status_code, answer.json()


def test_a_platform_that_was_started_a_moment_ago_waits_and_is_ready(tmp_path: Path) -> None:
    code, body = _ready(Home(tmp_path))
    assert (code, body["status"]) == (200, "healthy")
    assert {name: body["checks"][name]["state"] for name in PIPELINE} == dict.fromkeys(PIPELINE, "waiting")
    assert all(check["detail"] for check in body["checks"].values())
    assert {body["checks"][name]["state"] for name in ("engine", "disk", "ingest")} == {"ok"}


def test_what_works_is_ok(tmp_path: Path) -> None:
    home = Home(tmp_path)
    _collector(home, "connected")
    _lander(home, "idle")
    with open_ledger(home):
        pass
    home.published.mkdir()
    duckdb.connect(str(home.analytics_file)).close()
    code, body = _ready(home)
    assert (code, {body["checks"][name]["state"] for name in PIPELINE}) == (200, {"ok"})


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("collector", lambda home: _collector(home, "connected", age=30), "c gone"),
        ("collector", lambda home: _collector(home, "connecting"), "c connecting"),
        ("lander", lambda home: _lander(home, "waiting"), "waiting"),
        ("lander", lambda home: _lander(home, "idle", age=90), "idle when last seen, 9"),
        ("collector", lambda home: _collector(home, "connected", age=-3600), "c gone"),  # by a clock that was ahead
        ("lander", lambda home: _lander(home, "idle", age=-3600), "idle when last seen, -3"),
    ],
)
def test_what_has_worked_and_does_not_any_more_is_said_by_503(
    tmp_path: Path, name: str, harm: Callable[[Home], None], said: str
) -> None:
    harm(Home(tmp_path))
    code, body = _ready(Home(tmp_path))
    assert (code, body["status"], body["checks"][name]["state"]) == (503, "unhealthy", "failed")
    assert body["checks"][name]["detail"].startswith(said)


def test_a_look_that_fails_ends_no_looking(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.published / "predictions").mkdir(parents=True)
    piece = home.published / "predictions" / "p.parquet"
    with duckdb.connect(str(home.analytics_file)) as tables:
        tables.execute(f"copy (select 1 as x) to '{piece}' (format parquet)")
        tables.execute(f"create view predictions as select * from read_parquet('{piece}')")
    piece.rename(piece.with_suffix(".gone"))
    poller = StatusPoller(home)
    poller.poll()
    assert poller.now.problem
    piece.with_suffix(".gone").rename(piece)
    poller.poll()
    assert (poller.now.predictions, poller.now.problem) == (1, "")


def test_who_is_turned_away_is_told_why_and_what_to_do_as_json(tmp_path: Path) -> None:
    with client_of(app_of(tmp_path / "home", token="t" * 20)) as client:
        known = {"authorization": f"Bearer {'t' * 20}"}
        turned = [
            client.get("/api/latest"),
            client.post("/api/predict/x", headers={**known, "origin": "http://evil.example"}, json={}),
            client.post("/ingest", headers={**known, "content-length": str(1 << 40)}, content=b"x"),
        ]
    assert [answer.status_code for answer in turned] == [401, 403, 413]
    assert all(answer.json()["error"] and answer.json()["hint"] for answer in turned)
