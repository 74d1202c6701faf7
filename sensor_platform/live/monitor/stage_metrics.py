"""Metrics that are counted where it happens: latencies by stage, events of alarms, messages by group of devices."""

from collections import Counter as Counted
from collections.abc import Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram

from sensor_platform.collect.collector_status import ACK_BUCKETS
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.rules import LEVELS
from sensor_platform.stream.series import SeriesIndex

PREFIX = "sensor_platform_"
BUCKETS = ACK_BUCKETS
"""Bounds of the histograms of seconds."""
MOST_LABELS = 100
"""Groups and metrics that get a label of their own; all others are `(others)`."""


class StageMetrics:
    """Metrics that are counted where it happens: latencies by stage, events of alarms, messages by group."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            f"{PREFIX}stage_seconds",
            "Seconds by stage: queued (arrival to step), step (decode, judge, windows, rules, store),"
            " ingest (request to fsync).",
            ["stage"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.alarm_events = Counter(
            f"{PREFIX}alarm_events",
            "What happened to alarms since the start.",
            ["kind", "level", "metric"],
            registry=registry,
        )
        self.received = Counter(
            f"{PREFIX}live_received_messages",
            "Messages taken in since the start, wire duplicates left out, by source and group of their device.",
            ["source", "group"],
            registry=registry,
        )
        self._metrics: set[str] = set()
        self._seen_groups: set[str] = set()

    def count_received(self, source: str, messages: int, groups: Sequence[str]) -> None:
        """Count messages of a source by group.

        Args:
            source: name of the collector.
            messages: their number.
            groups: the group of each message with a numeric reading; beyond a hundred groups it is `(others)`.
        """
        for group, count in Counted(groups).items():
            if len(self._seen_groups) < MOST_LABELS:
                self._seen_groups.add(group)
            self.received.labels(source, group if group in self._seen_groups else "(others)").inc(count)
        if messages > len(groups):
            self.received.labels(source, "(none)").inc(messages - len(groups))

    def count_events(self, events: Sequence[Event]) -> None:
        """Count events of alarms; beyond a hundred metrics the metric is `(others)`."""
        for event in events:
            if len(self._metrics) < MOST_LABELS:
                self._metrics.add(event.metric)
            metric = event.metric if event.metric in self._metrics else "(others)"
            self.alarm_events.labels(event.kind, LEVELS[event.level - 1], metric).inc()

    def observe(self, stage: str, seconds: float) -> None:
        """Add a duration to the histogram of a stage."""
        self.seconds.labels(stage).observe(max(0.0, seconds))


def groups_of(readings: Readings, index: SeriesIndex, tag: str) -> list[str]:
    """Return the group of each message with a numeric reading: the group of its first reading's device."""
    _, first = np.unique(readings.message, return_index=True)
    devices, counts = np.unique(index.by_series["device"][readings.series[first]], return_counts=True)
    found: list[str] = []
    for device, count in zip(devices.tolist(), counts.tolist(), strict=True):
        found += [index.tags.get(device, {}).get(tag, "default")] * count
    return found
