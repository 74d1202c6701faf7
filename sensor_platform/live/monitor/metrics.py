"""Prometheus metrics. Most are computed from the view and the platform status when `/metrics` is read."""

from collections import Counter as Counted
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sensor_platform.collect.collector_status import ACK_BUCKETS
from sensor_platform.live.engine.view import View
from sensor_platform.live.monitor.platform_status import PlatformStatus
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.series import SeriesIndex

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS = ACK_BUCKETS
"""Bounds of the histograms of seconds."""
_PREFIX = "sensor_platform_"
_MOST_GROUPS = 100
_LEVELS = ("warning", "critical")


class StageMetrics:
    """Metrics that are counted where it happens: latencies by stage, events of alarms, messages by group."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            f"{_PREFIX}stage_seconds",
            "Seconds by stage: queued (arrival to step), step (decode, judge, windows, rules, store),"
            " ingest (request to fsync).",
            ["stage"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.alarm_events = Counter(
            f"{_PREFIX}alarm_events",
            "What happened to alarms since the start.",
            ["kind", "level", "metric"],
            registry=registry,
        )
        self.received = Counter(
            f"{_PREFIX}live_received_messages",
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
            if len(self._seen_groups) < _MOST_GROUPS:
                self._seen_groups.add(group)
            self.received.labels(source, group if group in self._seen_groups else "(others)").inc(count)
        if messages > len(groups):
            self.received.labels(source, "(none)").inc(messages - len(groups))

    def count_events(self, events: Sequence[Event]) -> None:
        """Count events of alarms; beyond a hundred metrics the metric is `(others)`."""
        for event in events:
            if len(self._metrics) < _MOST_GROUPS:
                self._metrics.add(event.metric)
            metric = event.metric if event.metric in self._metrics else "(others)"
            self.alarm_events.labels(event.kind, _LEVELS[event.level - 1], metric).inc()

    def observe(self, stage: str, seconds: float) -> None:
        """Add a duration to the histogram of a stage."""
        self.seconds.labels(stage).observe(max(0.0, seconds))


class LiveCollector(Collector):
    """Metrics that are computed when they are read."""

    def __init__(
        self,
        view: Callable[[], View],
        status: Callable[[], PlatformStatus],
        dispatchers: Sequence[Dispatcher],
        clients: Callable[[], int],
        clock: Callable[[], int],
        group_tag: str = "",
    ) -> None:
        self._view = view
        self._status = status
        self._dispatchers = dispatchers
        self._clients = clients
        self._clock = clock
        self._group_tag = group_tag

    def collect(self) -> "Iterator[Metric]":
        """Yield all metric families."""
        view, status = self._view(), self._status()
        yield from self._live(view)
        yield from self._collected(status)
        yield from self._landed(status)
        yield from self._channels()

    def _live(self, view: View) -> "Iterator[Metric]":
        counts = view.counts
        for name, key, text in (
            ("live_messages", "messages", "Messages that the live engine has taken in, duplicates included."),
            ("live_readings", "readings", "Numeric readings judged, repeats removed."),
            ("live_bad_readings", "bad", "Of these, outside their range or marked as bad by the device."),
            ("live_repeated_readings", "repeats", "Readings that a publisher repeated."),
            ("live_too_late_readings", "too_late", "Readings after their window was given up; the tables have them."),
            ("live_refused_readings", "refused_series", "Readings of series beyond live.engine.most_series."),
            ("live_gaps", "gaps", "Times that segments were gone before they were followed."),
        ):
            yield _counter(name, text, counts.get(key, 0))
        for name, key, text in (
            ("live_devices", "devices", "Devices known."),
            ("live_series", "series", "Pairs of device and metric known."),
            ("live_windows", "windows", "Windows held in memory."),
            ("live_lag_bytes", "lag_bytes", "Committed bytes not taken in yet."),
            ("live_lag_seconds", "lag_seconds", "Age of the newest message taken while there is more to take."),
        ):
            yield _gauge(name, text, counts.get(key, 0))
        yield _gauge("live_view_age_seconds", "Age of the newest state.", max(0, self._clock() - view.at) / 1e6)
        yield _gauge("live_connections", "Open WebSocket connections.", self._clients())
        yield from self._groups(view)
        alarms = GaugeMetricFamily(f"{_PREFIX}alarms", "Active alarms.", labels=["level", "rule", "metric"])
        found: dict[tuple[str, str, str], int] = {}
        for row in view.alarms:
            key2 = (_LEVELS[row.level - 1], row.rule, row.metric)
            found[key2] = found.get(key2, 0) + 1
        for labels, count in found.items():
            alarms.add_metric(list(labels), count)
        yield alarms

    def _groups(self, view: View) -> "Iterator[Metric]":
        """Yield the metrics by group, for instance by plant."""
        readings = CounterMetricFamily(
            f"{_PREFIX}group_readings", "Numeric readings judged, by group and verdict.", labels=["group", "status"]
        )
        waiting = GaugeMetricFamily(
            f"{_PREFIX}group_waiting_readings", "Readings in windows that are not closed yet.", labels=["group"]
        )
        for group, (count, bad, open_n) in by_group(view, self._group_tag).items():
            readings.add_metric([group, "usable"], count - bad)
            readings.add_metric([group, "bad"], bad)
            waiting.add_metric([group], open_n)
        yield from (readings, waiting)

    def _collected(self, status: PlatformStatus) -> "Iterator[Metric]":
        received = CounterMetricFamily(f"{_PREFIX}received_messages", "Messages on disk, by source.", labels=["source"])
        duplicate = CounterMetricFamily(
            f"{_PREFIX}duplicate_messages", "Wire duplicates, by source.", labels=["source"]
        )
        up = GaugeMetricFamily(f"{_PREFIX}collector_up", "1 where the collector is connected.", labels=["source"])
        for source, counters in status.sources.items():
            received.add_metric([source], counters["messages"])
            duplicate.add_metric([source], counters.get("duplicates", 0))
            up.add_metric([source], counters["is_up"])
        acks = HistogramMetricFamily(
            f"{_PREFIX}ack_seconds",
            "Group commits by seconds from reading their first message to fsync and answer.",
            labels=["source"],
        )
        for source, (counts, seconds) in status.acks.items():
            bounds = [*map(floatToGoString, BUCKETS), "+Inf"]
            acks.add_metric([source], list(zip(bounds, accumulate(counts), strict=True)), seconds)
        yield from (received, duplicate, up, acks)

    def _landed(self, status: PlatformStatus) -> "Iterator[Metric]":
        for name, value in status.ledger.items():
            yield _counter(f"ledger_{name}", f"{name.replace('_', ' ')} in the ledger.", value)
        # A gauge: it covers the newest files only, so that it falls when files leave that range or are requeued.
        rules = GaugeMetricFamily(
            f"{_PREFIX}quarantined_total",
            "Rejected messages and readings in the newest 500 quarantine files, by rule.",
            labels=["rule"],
        )
        for rule, count in status.quarantined.items():
            rules.add_metric([rule], count)
        yield rules
        yield _gauge("wal_segments", "Sealed segments waiting to be landed.", status.pending_segments)
        yield _gauge("wal_bytes", "Bytes of segments in the WAL.", status.wal_bytes)
        ages = GaugeMetricFamily(f"{_PREFIX}layer_age_seconds", "Age of the newest data of a layer.", labels=["layer"])
        for layer, newest in status.newest.items():
            ages.add_metric([layer], max(0.0, self._clock() / 1e6 - newest))
        yield ages
        yield _gauge("predictions", "Rows of the published predictions.", status.predictions)

    def _channels(self) -> "Iterator[Metric]":
        sent = CounterMetricFamily(f"{_PREFIX}notifications_sent", "Messages sent.", labels=["channel"])
        failed = CounterMetricFamily(f"{_PREFIX}notifications_failed", "Attempts that failed.", labels=["channel"])
        for each in self._dispatchers:
            sent.add_metric([each.name], each.sent)
            failed.add_metric([each.name], each.failed)
        yield from (sent, failed)


def groups_of(readings: Readings, index: SeriesIndex, tag: str) -> list[str]:
    """Return the group of each message with a numeric reading: the group of its first reading's device."""
    import numpy as np

    _, first = np.unique(readings.message, return_index=True)
    devices, counts = np.unique(index.by_series["device"][readings.series[first]], return_counts=True)
    found: list[str] = []
    for device, count in zip(devices.tolist(), counts.tolist(), strict=True):
        found += [index.tags.get(device, {}).get(tag, "default")] * count
    return found


def by_group(view: View, tag: str) -> dict[str, tuple[int, int, int]]:
    """Count readings, bad readings and readings in open windows by group; beyond a hundred groups as `(others)`."""
    import numpy as np

    if not view.columns:
        return {}
    by_device = [
        np.bincount(view.columns["device"], weights=view.columns[name], minlength=view.device_n)
        for name in ("count", "bad", "waiting")
    ]
    found: dict[str, list[int]] = {}
    for device in range(view.device_n):
        group = view.tags.get(device, {}).get(tag, "default")
        sums = found.setdefault(group, [0, 0, 0])
        for number, column in enumerate(by_device):
            sums[number] += int(column[device])
    names = sorted(found, key=lambda name: -found[name][0])
    rest = [found[name] for name in names[_MOST_GROUPS:]]
    shown = {name: (found[name][0], found[name][1], found[name][2]) for name in names[:_MOST_GROUPS]}
    if rest:
        shown["(others)"] = (sum(r[0] for r in rest), sum(r[1] for r in rest), sum(r[2] for r in rest))
    return shown


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, text, value=value)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)
