"""Dagster's daemon goes on at once when the clock is set back as it runs; left alone, its loops stand still so long.

Dagster 1.13 measures in its loops how long something took by the wall clock: after a step of an hour back, sensors,
schedules and the queue of runs wait an hour, and so do heartbeats, whose last one says meanwhile that all is well.
The private names of Dagster are those of its daemon, which is imported here anyway.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Event
from types import SimpleNamespace
from typing import Any

from dagster._daemon import daemon
from dagster._daemon.controller import DagsterDaemonController
from dagster._daemon.types import DaemonHeartbeat

from sensor_platform.orchestration.storage.clock_steps import TOLERANCE_SECONDS

_LONGEST_SECONDS = 20.0
"""A loop looks again after this time, whatever it has computed. The scheduler's own pause is up to a minute."""
_run_loop = daemon.DagsterDaemon.run_daemon_loop
_add_heartbeat = daemon.DagsterDaemon._check_add_heartbeat  # noqa: SLF001 - Dagster's
_check_workspace = DagsterDaemonController.check_workspace_freshness


class ShortWaits:
    """An event that is waited for not longer than `_LONGEST_SECONDS` at once."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is set, after a part of the time at the latest."""
        return self._event.wait(_LONGEST_SECONDS if timeout is None else min(timeout, _LONGEST_SECONDS))

    def __getattr__(self, name: str) -> object:
        return getattr(self._event, name)


def believed_heartbeats(found: Mapping[str, DaemonHeartbeat], now: float) -> dict[str, DaemonHeartbeat]:
    """Heartbeats without those of the future: a daemon that lives sends another one soon, a dead one does not."""
    return {name: each for name, each in found.items() if each.timestamp <= now + TOLERANCE_SECONDS}


def mend_daemon() -> None:
    """Let the daemon's loops of this process go on after the clock was set back."""
    module: Any = daemon
    module.time = SimpleNamespace(time=time.monotonic, sleep=time.sleep)
    module.DagsterDaemon.run_daemon_loop = _run_with_short_waits
    module.DagsterDaemon._check_add_heartbeat = _add_heartbeat_again  # noqa: SLF001 - Dagster's
    controller: Any = DagsterDaemonController
    controller.check_workspace_freshness = _check_workspace_again


def _run_with_short_waits(self: Any, context: Any, uuid: str, event: Event, *rest: Any, **named: Any) -> None:  # noqa: ANN401 - as in Dagster
    _run_loop(self, context, uuid, ShortWaits(event), *rest, **named)  # type: ignore[arg-type]


def _add_heartbeat_again(self: Any, *arguments: Any) -> None:  # noqa: ANN401 - as in Dagster
    if self._last_heartbeat_time and self._last_heartbeat_time > datetime.now(UTC):
        self._last_heartbeat_time = None
    _add_heartbeat(self, *arguments)


def _check_workspace_again(self: DagsterDaemonController, last_workspace_update_time: float) -> float:
    return _check_workspace(self, min(last_workspace_update_time, time.time()))
