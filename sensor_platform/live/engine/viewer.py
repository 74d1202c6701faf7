"""Makes views: a copy of the newest values and alarms, a few times a second, in the engine's thread."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.live.engine.emitted_windows import columns_of
from sensor_platform.live.engine.loop_status import LoopStatus
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.engine.view import NOTHING, SPARKS, STANDINGS, AlarmRow, View
from sensor_platform.stream.alert_state import AlertState
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.series import NOBODY, SeriesIndex

_SOON = 0.05
"""Minimum seconds between two views when an alarm has changed."""
_RATE_SECONDS = 5.0
"""Period over which the rate of messages is averaged."""


@dataclass(slots=True)
class Viewer:
    """Makes views. Belongs to the engine's thread, except for `view`."""

    per_second: int
    silent: int = 300_000_000
    """Microseconds without a message after which a device counts as silent."""
    view: View = NOTHING
    recall: Callable[[str, int], Iterable[bytes]] = lambda _spec, _micros: ()
    """Returns encoded windows of a spec of the last microseconds, oldest first: the trends begin with them."""
    is_new: Callable[[], None] | None = None
    """Called when there is a new view."""
    _engine: Engine | None = None
    _made_at: float = 0.0
    _messages: int = 0
    _rates: list[tuple[float, int]] = field(default_factory=list)
    _series_of: list[list[int]] = field(default_factory=list)
    _known: int = 0
    _forgets: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)
    _sparks: npt.NDArray[np.float32] = field(default_factory=lambda: np.full((1024, SPARKS), np.nan, np.float32))

    def take(self, engine: Engine, status: LoopStatus, step: Step, result: StepResult) -> None:
        """Take the result of a step, and make a new view if it is time."""
        if engine is not self._engine:
            self._engine = engine
            self._series_of, self._known, self._numbers, self._forgets = [], 0, {}, engine.forgets
            self._recall(engine)
        if engine.forgets != self._forgets:
            self._forget(engine)
        self._add_to_sparks(engine, result)
        now = time.monotonic()
        pause = _SOON if result.events else 1.0 / self.per_second
        if now - self._made_at < pause:
            return
        self._made_at = now
        self.view = self._make(engine, status, step.now)
        if self.is_new is not None:
            self.is_new()

    def _make(self, engine: Engine, status: LoopStatus, at: int) -> View:
        index = engine.index
        self._learn(index)
        size = len(index)
        columns = {
            name: index.by_series[name][:size].copy()
            for name in ("device", "metric", "event_at", "received_at", "value", "verdict", "count", "bad")
        }
        columns["waiting"] = sum((each.waiting() for each in engine.windows[:1]), np.zeros(size, np.int64))
        alarms = tuple(sorted(map(_row, engine.rule_set.active()), key=lambda row: (-row.level, -row.fired_at)))
        levels: dict[str, int] = {}
        for row in alarms:
            levels[row.device_id] = max(row.level, levels.get(row.device_id, 0))
        devices = len(self._series_of)
        is_silent = index.by_device["received_at"][:devices] < at - self.silent
        is_silent &= np.array([name != NOBODY for name in index.devices[:devices]], np.bool_)
        return View(
            at=at,
            devices=index.devices,
            device_n=devices,
            metrics=index.metrics,
            series_n=size,
            columns=columns,
            series_of=self._series_of,
            numbers=self._numbers,
            tags=index.tags,
            sparks=self._sparks,
            alarms=alarms,
            levels=levels,
            is_silent=is_silent,
            counts=self._counts(engine, status, len(self._numbers)) | _standings(levels, is_silent, self._numbers),
        )

    def _learn(self, index: SeriesIndex) -> None:
        while len(self._series_of) < len(index.devices):
            if (name := index.devices[len(self._series_of)]) != NOBODY:
                self._numbers[name] = len(self._series_of)
            self._series_of.append([])
        for series in range(self._known, len(index)):
            device = int(index.by_series["device"][series])
            if index.devices[device] != NOBODY:
                self._series_of[device].append(series)
        self._known = len(index)

    def _forget(self, engine: Engine) -> None:
        """Show nothing more of what the engine forgot."""
        self._forgets = engine.forgets
        self._series_of, self._known, self._numbers = [], 0, {}
        gone = [series for series in range(min(len(engine.index), len(self._sparks))) if engine.index.is_gone(series)]
        self._sparks[gone] = np.nan

    def _add_to_sparks(self, engine: Engine, result: StepResult) -> None:
        if not engine.windows:
            return
        spec = engine.windows[0].spec
        for closed in result.closed:
            if closed.spec == spec:
                self._push(closed.columns, len(engine.index))

    def _recall(self, engine: Engine) -> None:
        if not engine.windows or not len(engine.index):
            return
        spec = engine.windows[0].spec
        for body in self.recall(spec.name, SPARKS * spec.hop):
            self._push(columns_of(body, engine.index), len(engine.index))

    def _push(self, columns: Mapping[str, npt.NDArray[Any]], size: int) -> None:
        """Append closed windows to the trends; revisions are ignored."""
        fresh = columns["revision"] == 0
        series, mean, starts = (columns[name][fresh] for name in ("series", "mean", "start"))
        if len(self._sparks) < size:
            wider = np.full((size * 2, SPARKS), np.nan, np.float32)
            wider[: len(self._sparks)] = self._sparks
            self._sparks = wider
        for start in np.unique(starts).tolist():
            now = starts == start
            self._sparks[series[now], :-1] = self._sparks[series[now], 1:]
            self._sparks[series[now], -1] = mean[now]

    def _counts(self, engine: Engine, status: LoopStatus, devices: int) -> dict[str, float]:
        now = time.monotonic()
        self._rates = [(at, count) for at, count in self._rates if at > now - _RATE_SECONDS] + [(now, engine.messages)]
        (first_at, first), (last_at, last) = self._rates[0], self._rates[-1]
        return {
            "messages": engine.messages,
            "readings": engine.readings,
            "bad": engine.bad,
            "out_of_order": engine.rule_set.ignored,
            "repeats": engine.dedupe.dropped,
            "too_late": sum(windows.too_late for windows in engine.windows),
            "windows": sum(map(len, engine.windows)),
            "series": len(engine.index),
            "devices": devices,
            "refused_series": engine.index.refused,
            "messages_per_second": max(0.0, (last - first) / (last_at - first_at)) if last_at > first_at else 0.0,
            "lag_bytes": status.lag_bytes,
            "lag_seconds": status.lag_micros / 1e6,
            "gaps": len(status.gaps),
            "step_milliseconds": status.step_seconds * 1e3,
            "damaged_bytes": status.damaged_bytes,
        }


def _standings(levels: dict[str, int], is_silent: npt.NDArray[np.bool_], numbers: dict[str, int]) -> dict[str, float]:
    """Count the devices by their state in the overview; each device is counted once."""
    known = [numbers[device] for device in levels if device in numbers]
    critical = sum(level == STANDINGS.index("critical") for level in levels.values())
    silent = int(is_silent.sum()) - int(is_silent[known].sum())
    ok = max(0, len(numbers) - len(known) - silent)
    return {"critical": critical, "warning": len(levels) - critical, "silent": silent, "ok": ok}


def _row(alarm: AlertState) -> AlarmRow:
    value = alarm.value if np.isfinite(alarm.value) else None
    return AlarmRow(
        alarm.alert_id,
        alarm.rule,
        alarm.device_id,
        alarm.metric,
        alarm.level,
        alarm.state,
        value,
        alarm.fired_at,
        alarm.at,
    )
