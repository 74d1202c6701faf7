"""What watches the live process shows what waits and what was given up, and a process that is gone."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensor_platform_tests.field.live.base import eventually, need
from sensor_platform_tests.field.live.processes import RunningLive, running_live
from sensor_platform_tests.live.receivers import hook

REPOSITORY = Path(__file__).parents[3]
DEAD_LETTERS = re.compile(r"^sensor_platform_\w*dead\w*(?:\{[^}]*\})? 1(?:\.0)?$", re.MULTILINE)
WAITING = re.compile(
    r"^sensor_platform_(?:notifications|outbox)_\w*(?:waiting|depth)\w*(?:\{[^}]*\})? 1(?:\.0)?$", re.MULTILINE
)
"""Names of the metrics are completed by the change that adds them."""


def _with_one_message(folder: Path, url: str, attempts: int, found: "re.Pattern[str]") -> bool:
    """Whether /metrics shows the one message that a channel does not take."""
    rule: dict[str, Any] = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "channels": ["hook"]}
    rules = {"rules": [rule], "channels": {"hook": {"url": url, "attempts": attempts}}}

    def text(live: RunningLive) -> str:
        return live.ask("/metrics")[1].decode()

    with running_live(folder, rules) as live:
        live.post({"device_id": "m", "t": 50})
        failed = re.compile(r'sensor_platform_notifications_failed_total\{channel="hook"\} [1-9]')
        need(eventually(lambda: failed.search(text(live)), 10), "the channel fails")
        return eventually(lambda: found.search(text(live)), 2)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 32")
def test_live_32_a_dead_letter_is_a_metric(tmp_path: Path) -> None:
    with hook() as receiver:
        receiver.mood = "refuses"
        assert _with_one_message(tmp_path, receiver.url, 1, DEAD_LETTERS), "no metric tells of it"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 32")
def test_live_32_what_waits_in_the_outbox_is_a_metric(tmp_path: Path) -> None:
    with hook() as receiver:
        receiver.mood = "refuses"
        assert _with_one_message(tmp_path, receiver.url, 20, WAITING), "no metric tells of it"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 32")
def test_live_32_prometheus_has_a_rule_for_a_live_process_that_is_gone() -> None:
    rules = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "rules.yml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    need(any("sensor_platform_live" in each for each in expressions), "there are rules about the live process")
    gone = [each for each in expressions if re.search(r"\babsent(_over_time)?\(|\bup\b", each)]
    assert gone, "every rule compares a metric that is not there when the process is gone"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 32")
def test_live_32_prometheus_has_a_rule_for_notifications_that_wait_or_were_given_up() -> None:
    """Failed tries alone do not do: they come every ten minutes at last, and the alert goes out by itself."""
    rules = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "rules.yml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    need(any("sensor_platform_notifications" in each for each in expressions), "there is a rule about notifications")
    about = re.compile(r"sensor_platform_(?:notifications|outbox)_\w*(?:waiting|depth|dead)")
    assert any(about.search(each) for each in expressions)
