"""Status of the other processes and layers, read from their files every few seconds."""

import contextlib
import logging
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from sensor_platform.collect.collector_status import ACK_BUCKETS, CollectorStatus
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.landing.device_freshness import DEFAULT_LIMITS, Devices, FreshnessLimits, recent_devices
from sensor_platform.landing.lander_status import read_status
from sensor_platform.landing.ledger import newest_event, newest_rejects, read_ledger, totals
from sensor_platform.live.requests.reading_history import has_table, newest_of
from sensor_platform.versions.reports import site_state
from sensor_platform.warehouse.published.published_file import open_published

log = logging.getLogger(__name__)
EVERY_SECONDS = 2.0
_SLOW_SECONDS = 15.0
_GONE_SECONDS = 10.0
_SEGMENTS = 500
"""Newest segments among which the newest event is looked for."""
_MOST_QUARANTINE_FILES = 500
_MOST_REJECTS = 1_000_000


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """Status at one moment. The page receives it as JSON with these names."""

    at: float = 0.0
    sources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    acks: Mapping[str, tuple[Sequence[int], float]] = field(default_factory=dict)
    """By collector: histogram of acknowledgements since its start (bounds ACK_BUCKETS), and their sum in seconds."""
    ack: Mapping[str, float] = field(default_factory=dict)
    """`p99`: seconds within which 99% of the last minute's groups were acknowledged; empty without any group."""
    states: Mapping[str, str] = field(default_factory=dict)
    """State by collector."""
    ledger: Mapping[str, float] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    pending_segments: int = 0
    wal_bytes: int = 0
    lander: str = "unknown"
    lander_age: float | None = None
    """Seconds; negative after a clock was ahead, so that it tells nothing. None where no lander has run."""
    newest: Mapping[str, float] = field(default_factory=dict)
    """Newest data time by layer, seconds since the epoch."""
    devices: int = 0
    """Devices that were heard of recently."""
    devices_problem: str = ""
    """Too few of them are fresh, or clocks are ahead."""
    predictions: int = 0
    problem: str = ""
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Version of each part of the site, on the disk and in each running process."""
    faults: Sequence[str] = ()
    """Why a process does not have the site's files in force."""


@dataclass(slots=True)
class StatusPoller:
    """Reads the status and keeps the newest one. `poll` belongs to one thread."""

    home: Home
    site_folder: Path | None = None
    clock: Callable[[], float] = time.time
    limits: FreshnessLimits = DEFAULT_LIMITS
    now: PlatformStatus = field(default_factory=PlatformStatus)
    _slow_at: float = float("-inf")
    _quarantine_at: int = -1
    _newest_landed: float = 0.0
    _acks_before: "deque[list[int]]" = field(default_factory=lambda: deque(maxlen=round(60 / EVERY_SECONDS)))
    """Histograms of all collectors together, one per poll of the last minute."""

    def poll(self) -> None:
        """Replace `now` by the present status; after a failure only its time and problem change."""
        import duckdb

        try:
            self.now = self.read()
        except (OSError, sqlite3.Error, duckdb.Error, PlatformError) as error:
            problem = f"{type(error).__name__}: {error}"
            log.warning("cannot read the status of the platform now: %s", problem)
            self.now = replace(self.now, at=self.clock(), problem=problem)

    def read(self) -> PlatformStatus:
        """Read the status now."""
        sources, states, acks = self._sources()
        sealed = list(self.home.wal.glob("*.wal")) if self.home.wal.is_dir() else []
        status = read_status(self.home)
        ledger: dict[str, float] = {}
        now = int(self.clock() * 1e6)
        devices = Devices(now, ())
        with read_ledger(self.home) as connection:
            if connection is not None:
                found = totals(connection)
                ledger = {
                    "messages": found.messages,
                    "landed": found.landed,
                    "quarantined": found.quarantined,
                    "duplicate": found.duplicate,
                    "readings": found.readings,
                    "rejected_readings": found.rejected_readings,
                }
                if (newest_at := newest_event(connection, _SEGMENTS, now)) is not None:
                    self._newest_landed = newest_at / 1e6
                devices = recent_devices(connection, self.limits.heard_hours, now)
        newest, predictions, quarantined = dict(self.now.newest), self.now.predictions, dict(self.now.quarantined)
        if time.monotonic() - self._slow_at > _SLOW_SECONDS:
            newest, predictions, quarantined = self._slow(quarantined, int(ledger.get("messages", 0)))
            self._slow_at = time.monotonic()
        if self._newest_landed:
            newest["landing"] = self._newest_landed
        site = site_state(self.home, self.site_folder, self.clock())
        return PlatformStatus(
            at=self.clock(),
            sources=sources,
            acks=acks,
            ack=self._ack(acks),
            states=states,
            ledger=ledger,
            quarantined=quarantined,
            pending_segments=len(sealed),
            wal_bytes=sum(_size(path) for path in (self.home.wal.iterdir() if self.home.wal.is_dir() else ())),
            lander=status.state if status else "unknown",
            lander_age=self.clock() - status.updated_at / 1e6 if status else None,
            newest=newest,
            devices=len(devices.rows),
            devices_problem=devices.problem(self.limits),
            predictions=predictions,
            versions=site.versions,
            faults=[f"{fault.message}; {fault.hint}" for fault in site.faults],
        )

    def _ack(self, acks: Mapping[str, tuple[Sequence[int], float]]) -> dict[str, float]:
        now = [sum(each) for each in zip(*(counts for counts, _ in acks.values()), strict=True)]
        before = self._acks_before[0] if self._acks_before else now
        self._acks_before.append(now)
        fresh = [a - b for a, b in zip(now, before, strict=False)]
        if sum(fresh) <= 0 or min(fresh) < 0:  # a collector was restarted
            return {}
        below = [sum(fresh[: at + 1]) for at in range(len(ACK_BUCKETS))]
        return {"p99": next((s for s, n in zip(ACK_BUCKETS, below, strict=True) if n >= 0.99 * sum(fresh)), math.inf)}

    def _sources(
        self,
    ) -> tuple[dict[str, dict[str, float]], dict[str, str], dict[str, tuple[Sequence[int], float]]]:
        sources: dict[str, dict[str, float]] = {}
        acks: dict[str, tuple[Sequence[int], float]] = {}
        states: dict[str, str] = {}
        for path in sorted(self.home.wal.glob("*.status.json")) if self.home.wal.is_dir() else ():
            with contextlib.suppress(OSError, msgspec.DecodeError):
                status = msgspec.json.decode(path.read_bytes(), type=CollectorStatus)
                is_fresh = abs(self.clock() - status.updated_at) < _GONE_SECONDS
                states[status.collector] = status.state if is_fresh else "gone"
                acks[status.collector] = (status.counters.ack_commits, status.counters.ack_seconds)
                sources[status.collector] = {
                    "messages": status.counters.messages,
                    "duplicates": status.counters.duplicates,
                    "suspects": status.counters.suspects,
                    "is_up": float(is_fresh and status.state == "connected"),
                }
                if status.lag is not None:
                    sources[status.collector] |= {
                        "lag": status.lag,
                        "fetch_errors": status.counters.fetch_errors,
                        "rebalances": status.counters.rebalances,
                        "lost_offsets": status.counters.lost_offsets,
                    }
        return sources, states, acks

    def _slow(self, quarantined: dict[str, int], messages: int) -> tuple[dict[str, float], int, dict[str, int]]:
        newest: dict[str, float] = {}
        predictions = 0
        if self.home.analytics_file.exists():
            with contextlib.suppress(PlatformError):
                newest = newest_of(self.home)
                if has_table(self.home, "predictions"):
                    predictions = _count(self.home, "predictions")
        if messages != self._quarantine_at:
            self._quarantine_at = messages
            quarantined = _quarantined(self.home)
        return newest, predictions, quarantined


def _count(home: Home, table: str) -> int:
    with open_published(home, threads=1) as connection:
        row = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - a constant name
        return int(row[0]) if row else 0


def _quarantined(home: Home) -> dict[str, int]:
    """Count rejects by rule, in the newest files."""
    import duckdb

    with read_ledger(home) as ledger:
        files = newest_rejects(ledger, home, _MOST_QUARANTINE_FILES, _MOST_REJECTS) if ledger else []
    files = [path for path in files if path.exists()]
    if not files:
        return {}
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(
            "select rule, count(*) from read_parquet(?) group by 1 order by 1", [[str(path) for path in files]]
        ).fetchall()
    return {str(rule): int(count) for rule, count in rows}


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
