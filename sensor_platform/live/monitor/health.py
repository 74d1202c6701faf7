"""Health of the live process and of what it depends on."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sensor_platform.home import Home
from sensor_platform.live.engine.loop_status import LoopStatus
from sensor_platform.live.engine.view import View
from sensor_platform.live.monitor.platform_status import PlatformStatus
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.warehouse.published.published_file import linked_elsewhere

_STALE_SECONDS = 10.0
_SILENT_SECONDS = 60.0
_LANDS = {"starting", "idle", "landing"}
_FREE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """Checks everything that `/readyz` reports."""

    home: Home
    status: Callable[[], LoopStatus]
    view: Callable[[], View]
    platform: Callable[[], PlatformStatus]
    ingest_problem: Callable[[], str]
    dispatchers: Sequence[Dispatcher]
    clock: Callable[[], int]
    limits: Callable[[], dict[str, int]]
    """Memory limits that were reached, with the number of readings that were ignored."""

    def checks(self) -> dict[str, dict[str, Any]]:
        """Check each dependency: `state` (`ok`, `waiting` if never used, `failed`), `ok` (not failed), `detail`."""
        status, age = self.status(), (self.clock() - self.view().at) / 1e6
        checks = {
            "engine": _check(status.state in {"following", "catching up"} and abs(age) < _STALE_SECONDS, status.state),
            "disk": self._disk(),
            "ingest": _check(not self.ingest_problem(), self.ingest_problem() or "ready"),
            **self._platform(),
        }
        for each in self.dispatchers:
            if not each.is_internal or each.problem:
                checks[f"channel {each.name}"] = _check(not each.problem, each.problem or "works") | {
                    "is_needed": False
                }
        for name, count in self.limits().items():
            if count:
                checks[name] = _check(ok=False, detail=f"reached: {count} readings are not followed live") | {
                    "is_needed": False
                }
        return checks

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Return status code and body of `/readyz`: 503 while a needed dependency has failed (not while it waits)."""
        checks = self.checks()
        failing = [name for name, check in checks.items() if not check["ok"] and check.get("is_needed", True)]
        degraded = [name for name, check in checks.items() if not check["ok"]]
        status = "unhealthy" if failing else "degraded" if degraded else "healthy"
        return 503 if failing else 200, {"status": status, "timestamp": _now(), "checks": checks}

    def alive(self) -> tuple[int, dict[str, Any]]:
        """Return status code and body of `/healthz`: this process only."""
        check = self.checks()["engine"]
        body = {"status": "healthy" if check["ok"] else "unhealthy", "timestamp": _now(), "checks": {"engine": check}}
        return 200 if check["ok"] else 503, body

    def _platform(self) -> dict[str, dict[str, Any]]:
        """Check the files of other processes. On a new platform there are none, which is not a failure."""
        platform = self.platform()
        if abs(self.clock() / 1e6 - platform.at) > _SILENT_SECONDS:
            return {"pipeline": _check(ok=False, detail="its status is not updated" if platform.at else "not read yet")}
        checks = {
            "collector": _waiting("none has run yet"),
            "lander": _waiting("none has run yet"),
            "ledger": _waiting("nothing has landed yet"),
            "published": _waiting("nothing is published yet"),
        }
        if states := platform.states:
            words = ", ".join(f"{name} {state}" for name, state in states.items())
            checks["collector"] = _check("connected" in states.values(), words)
        if (silence := platform.lander_age) is not None:
            is_recent = abs(silence) < _SILENT_SECONDS
            words = platform.lander if is_recent else f"{platform.lander} when last seen, {silence:.0f} s ago"
            checks["lander"] = _check(is_recent and platform.lander in _LANDS, words)
        if platform.ledger or platform.problem:
            checks["ledger"] = _check(not platform.problem, platform.problem or "readable")
        if platform.versions:
            detail = "; ".join(platform.faults) or "in force in every process"
            checks["site files"] = _check(not platform.faults, detail) | {"is_needed": False}
        if platform.devices:
            words = platform.devices_problem or f"{platform.devices} were heard of recently"
            checks["devices"] = _check(not platform.devices_problem, words) | {"is_needed": False}
        if self.home.analytics_file.exists():
            checks["published"] = _published(self.home)
        return checks

    def _disk(self) -> dict[str, Any]:
        try:
            free = shutil.disk_usage(self.home.root).free
        except OSError as error:
            return _check(ok=False, detail=str(error))
        return _check(free > _FREE_BYTES, f"{free / 2**30:.1f} GiB free")


def _published(home: Home) -> dict[str, Any]:
    elsewhere = linked_elsewhere(home.published)
    if elsewhere is None:
        return _check(ok=True, detail="there")
    return _check(ok=False, detail=f"the views read {elsewhere}; run sensor-platform publish") | {"is_needed": False}


def _check(ok: bool, detail: str) -> dict[str, Any]:  # noqa: FBT001 - what a check is
    return {"ok": bool(ok), "state": "ok" if ok else "failed", "detail": detail}


def _waiting(detail: str) -> dict[str, Any]:
    return {"ok": True, "state": "waiting", "detail": detail}


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
