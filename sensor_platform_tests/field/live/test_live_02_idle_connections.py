"""Connections that send nothing neither stop alarms nor fill the log."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import eventually, need
from sensor_platform_tests.field.live.processes import TOKEN, RunningLive, running_live
from sensor_platform_tests.field.live.rig import Arrivals
from sensor_platform_tests.landing.homes import Message
from sensor_platform_tests.live.receivers import hook

FILES = 256
FEW_FILES = ("sh", "-c", f'ulimit -Sn {FILES}; exec "$@"', "sh")
"""The usual soft limit is 1,024; less shows the same with fewer connections. The hard limit stays as it is."""
MOST_LOG_BYTES = 30_000


def _rules(url: str) -> dict[str, Any]:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "channels": ["hook"]}
    return {"rules": [rule], "channels": {"hook": {"url": url}}}


def _arrive(arrivals: Arrivals, device: str) -> None:
    """A reading that is above the rule's limit."""
    message = Message(json.dumps({"device_id": device, "t": 50}).encode(), f"sensors/{device}")
    arrivals.write([message], time.time_ns() // 1000)


@contextmanager
def _idle(live: RunningLive, count: int) -> Iterator[None]:
    """So many connections of one sender, which stay."""
    with ExitStack() as opened:
        for _ in range(count):
            try:
                opened.enter_context(socket.create_connection(("127.0.0.1", live.port), 30))
            except ConnectionError:
                break  # refusing them is right
        yield


@pytest.mark.field_slow
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 2")
def test_live_02_an_alarm_is_told_while_idle_connections_take_all_files(tmp_path: Path) -> None:
    with hook() as receiver, running_live(tmp_path, _rules(receiver.url), token=TOKEN, prefix=FEW_FILES) as live:
        arrivals = Arrivals(live.home)
        _arrive(arrivals, "first")
        need(eventually(lambda: len(receiver.bodies) == 1, 10), "an alarm is told")
        with _idle(live, FILES + 100):
            time.sleep(0.5)
            _arrive(arrivals, "second")
            told = eventually(lambda: len(receiver.bodies) == 2, 5)
        arrivals.close()
        live.process.kill()  # how it stops after that is another matter
        assert told, "no alarm and no notification for as long as idle connections stay"


@pytest.mark.field_slow
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 2")
def test_live_02_idle_connections_do_not_fill_the_log(tmp_path: Path) -> None:
    with running_live(tmp_path, token=TOKEN, prefix=FEW_FILES) as live:
        with _idle(live, FILES + 100):
            eventually(lambda: live.log.stat().st_size > MOST_LOG_BYTES, 3)
        size = live.log.stat().st_size
        live.process.kill()
    assert size < MOST_LOG_BYTES, "the log grows by hundreds of kilobytes a second"
