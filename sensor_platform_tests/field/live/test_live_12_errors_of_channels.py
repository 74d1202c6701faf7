"""An error that nobody expected does not end a channel, and a channel that cannot work is shown."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import eventually, need
from sensor_platform_tests.field.live.processes import LiveRefused, running_live
from sensor_platform_tests.field.live.rig import TOO_BUSY, LiveSite, live_site

HOT: dict[str, Any] = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ends by an exception is what these tests are about."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)


class FailsOnce:
    """A sender or a function whose first call raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0
        self.taken: list[object] = []

    def send(self, messages: Sequence[object]) -> None:
        self(*messages)

    def is_up(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""

    def __call__(self, *given: object) -> None:
        self.calls += 1
        if self.calls == 1:
            raise self.error
        self.taken += given


def _goes_on(site: LiveSite, flaky: FailsOnce) -> bool:
    """Whether the only channel's thread tries again after its error, when its pause is over."""
    (dispatcher,) = site.dispatchers
    dispatcher.start()
    try:
        need(eventually(lambda: flaky.calls, 5), "the channel tries")
        site.seconds += 3600
        dispatcher.wake()
        return eventually(lambda: flaky.taken, 3)
    finally:
        dispatcher.stop()


@pytest.mark.usefixtures("quiet")
def test_live_12_a_channel_goes_on_after_an_unexpected_error(tmp_path: Path) -> None:
    rules = {"rules": [{**HOT, "channels": ["bus"]}], "channels": {"bus": {"mqtt": "alarms"}}}
    with live_site(tmp_path, rules) as site:
        flaky = FailsOnce(RuntimeError("a fault in a library"))
        site.dispatchers[0].sink = flaky
        site.receive(0, {"device_id": "m", "t": 50})
        assert _goes_on(site, flaky), "the channel's thread has ended"


@pytest.mark.usefixtures("quiet")
def test_live_12_a_trigger_goes_on_when_too_much_waits_to_be_written(tmp_path: Path) -> None:
    flaky = FailsOnce(TOO_BUSY)
    played = {"store": flaky, "predict": lambda name, _inputs: {"model": name, "value": 1.0}}
    trigger = {"name": "wear", "required": ["t"]}
    with live_site(tmp_path, {}, replaced=played, triggers=[trigger]) as site:
        site.receive(0, {"device_id": "m", "t": 50})
        assert _goes_on(site, flaky), "the trigger's thread has ended"


def test_live_12_a_kafka_channel_without_servers_is_refused_or_shown(tmp_path: Path) -> None:
    rules = {"rules": [{**HOT, "channels": ["kaf"]}], "channels": {"kaf": {"kafka": "alarms"}}}
    try:
        with running_live(tmp_path, rules) as live:
            live.post({"device_id": "m", "t": 50})
            need(eventually(lambda: live.get("/api/alerts")["alerts"], 10), "the alarm fires")

            def is_shown() -> bool:
                checks = json.loads(live.ask("/readyz")[1])["checks"]
                return "channel kaf" in checks and not checks["channel kaf"]["ok"]

            assert eventually(is_shown, 3), "/readyz calls a channel whose thread has ended sound"
    except LiveRefused as refusal:
        need("afka" in str(refusal), f"it is refused for another reason: {refusal}")
