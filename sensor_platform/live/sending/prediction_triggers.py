"""Predictions triggered by data: per group, when all required metrics have a value, at most once per interval."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from sensor_platform.alert.store import Outgoing
from sensor_platform.kernel.durations import duration
from sensor_platform.live.config import Trigger
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.sending.destinations import trigger_channel
from sensor_platform.sinks.prediction_sink import PredictionRequest
from sensor_platform.stream.columns import BAD, Readings
from sensor_platform.stream.series import NEVER, SeriesIndex


@dataclass(slots=True)
class _Group:
    values: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Event time and newest usable value by metric."""
    requested: int = -1
    """Start of the newest interval with a request, microseconds."""


@dataclass(slots=True)
class Triggers:
    """Follows the newest values of every group. Belongs to the engine's thread."""

    triggers: Sequence[Trigger]
    groups: dict[tuple[int, str], _Group] = field(default_factory=dict)
    """By number of the trigger and name of the group. After a restart they are filled from the engine's index; the keys
    of the outbox prevent a second request for an interval."""
    _is_seeded: bool = False

    def requests(self, step: Step, result: StepResult, index: SeriesIndex) -> list[Outgoing]:
        """Return requests for the predictions that this step makes due."""
        out: list[Outgoing] = []
        if self.triggers:
            self._seed(index)
            for taken in result.taken:
                for number, trigger in enumerate(self.triggers):
                    out += self._take(number, trigger, taken.readings, index, step.now)
        return out

    def _take(self, number: int, trigger: Trigger, readings: Readings, index: SeriesIndex, now: int) -> list[Outgoing]:
        wanted = {*trigger.required, *trigger.inputs.values()}
        metrics = [at for at, name in enumerate(index.metrics) if name in wanted]
        metric = index.by_series["metric"][readings.series]
        rows = np.flatnonzero(np.isin(metric, metrics) & (readings.verdict != BAD))
        rows = rows[np.argsort(readings.message[rows], kind="stable")]
        out: list[Outgoing] = []
        every = duration(trigger.every)
        for row in rows.tolist():
            series = int(readings.series[row])
            name = self._group(trigger, index, series)
            group = self.groups.setdefault((number, name), _Group())
            at = min(int(readings.event_at[row]), int(readings.received_at[row]))  # a clock may be ahead
            before = group.values.get(index.metric(series))
            if before is None or at >= before[0]:
                group.values[index.metric(series)] = (at, float(readings.value[row]))
            window = at // every * every
            if window > group.requested and all(
                found is not None and found[0] >= window for found in map(group.values.get, trigger.required)
            ):
                group.requested = window
                out.append(_request(trigger, name, window, group, now))
        return out

    def _seed(self, index: SeriesIndex) -> None:
        """Take the newest values from the index, once after the start."""
        if self._is_seeded:
            return
        self._is_seeded = True
        for number, trigger in enumerate(self.triggers):
            wanted = {*trigger.required, *trigger.inputs.values()}
            for series in range(len(index)):
                if index.metric(series) in wanted and index.by_series["verdict"][series] != BAD:
                    group = self.groups.setdefault((number, self._group(trigger, index, series)), _Group())
                    at, value = int(index.by_series["event_at"][series]), float(index.by_series["value"][series])
                    at = min(at, int(index.by_series["received_at"][series]))
                    if at > group.values.get(index.metric(series), (NEVER, 0.0))[0] and value == value:
                        group.values[index.metric(series)] = (at, value)

    @staticmethod
    def _group(trigger: Trigger, index: SeriesIndex, series: int) -> str:
        if trigger.group_by == "device":
            return index.device(series)
        return index.tags.get(int(index.by_series["device"][series]), {}).get(trigger.group_by, "default")


def _request(trigger: Trigger, name: str, window: int, group: _Group, now: int) -> Outgoing:
    inputs: dict[str, float] = {}
    defaulted: list[str] = []
    for field_name, metric in (trigger.inputs or {name: name for name in trigger.required}).items():
        found = group.values.get(metric)
        if found is not None:
            inputs[field_name] = found[1]
        elif field_name in trigger.defaults:
            inputs[field_name] = trigger.defaults[field_name]
            defaulted.append(field_name)
    request = PredictionRequest(
        trigger=trigger.name,
        group=name,
        window_start=window,
        at=max(at for at, _ in group.values.values()),
        inputs=inputs,
        defaulted=tuple(defaulted),
    )
    return Outgoing(f"{name}-{window}", trigger_channel(trigger), msgspec.json.encode(request), now)
