"""Prometheus metrics. Most are computed from the view and the platform status when `/metrics` is read."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sensor_platform.live.engine.view import View
from sensor_platform.live.monitor.platform_status import PlatformStatus
from sensor_platform.live.monitor.stage_metrics import BUCKETS, MOST_LABELS, PREFIX
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.stream.rules import LEVELS

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_KAFKA_COUNTERS = {
    "fetch_errors": "Errors that Kafka's client library reported since the collector started.",
    "rebalances": "Times that the partitions of the group were shared out again since the collector started.",
    "lost_offsets": "Offsets that Kafka no longer had when they were to be read, since the collector started.",
}


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
            ("live_out_of_order_readings", "out_of_order", "Readings that rules ignored: older than one before it."),
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
        yield _gauge("live_view_age_seconds", "Age of the newest state.", abs(self._clock() - view.at) / 1e6)
        yield _gauge("live_connections", "Open WebSocket connections.", self._clients())
        yield from self._groups(view)
        alarms = GaugeMetricFamily(f"{PREFIX}alarms", "Active alarms.", labels=["level", "rule", "metric"])
        found: dict[tuple[str, str, str], int] = {}
        for row in view.alarms:
            key2 = (LEVELS[row.level - 1], row.rule, row.metric)
            found[key2] = found.get(key2, 0) + 1
        for labels, count in found.items():
            alarms.add_metric(list(labels), count)
        yield alarms

    def _groups(self, view: View) -> "Iterator[Metric]":
        """Yield the metrics by group, for instance by plant."""
        readings = CounterMetricFamily(
            f"{PREFIX}group_readings", "Numeric readings judged, by group and verdict.", labels=["group", "status"]
        )
        waiting = GaugeMetricFamily(
            f"{PREFIX}group_waiting_readings", "Readings in windows that are not closed yet.", labels=["group"]
        )
        for group, (count, bad, open_n) in by_group(view, self._group_tag).items():
            readings.add_metric([group, "usable"], count - bad)
            readings.add_metric([group, "bad"], bad)
            waiting.add_metric([group], open_n)
        yield from (readings, waiting)

    def _collected(self, status: PlatformStatus) -> "Iterator[Metric]":
        received = CounterMetricFamily(f"{PREFIX}received_messages", "Messages on disk, by source.", labels=["source"])
        duplicate = CounterMetricFamily(f"{PREFIX}duplicate_messages", "Wire duplicates, by source.", labels=["source"])
        up = GaugeMetricFamily(f"{PREFIX}collector_up", "1 where the collector is connected.", labels=["source"])
        kafka: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            "lag": GaugeMetricFamily(f"{PREFIX}kafka_lag", "Records not committed yet.", labels=["source"]),
            **{
                name: CounterMetricFamily(f"{PREFIX}kafka_{name}", text, labels=["source"])
                for name, text in _KAFKA_COUNTERS.items()
            },
        }
        for source, counters in status.sources.items():
            for name in kafka.keys() & counters.keys():
                kafka[name].add_metric([source], counters[name])
            received.add_metric([source], counters["messages"])
            duplicate.add_metric([source], counters.get("duplicates", 0))
            up.add_metric([source], counters["is_up"])
        acks = HistogramMetricFamily(
            f"{PREFIX}ack_seconds",
            "Group commits by seconds from reading their first message to fsync and answer.",
            labels=["source"],
        )
        for source, (counts, seconds) in status.acks.items():
            bounds = [*map(floatToGoString, BUCKETS), "+Inf"]
            acks.add_metric([source], list(zip(bounds, accumulate(counts), strict=True)), seconds)
        yield from (received, duplicate, up, acks, *kafka.values())

    def _landed(self, status: PlatformStatus) -> "Iterator[Metric]":
        for name, value in status.ledger.items():
            yield _counter(f"ledger_{name}", f"{name.replace('_', ' ')} in the ledger.", value)
        # A gauge: it covers the newest files only, so that it falls when files leave that range or are requeued.
        rules = GaugeMetricFamily(
            f"{PREFIX}quarantined_total",
            "Rejected messages and readings in the newest 500 quarantine files, by rule.",
            labels=["rule"],
        )
        for rule, count in status.quarantined.items():
            rules.add_metric([rule], count)
        yield rules
        yield _gauge("wal_segments", "Sealed segments waiting to be landed.", status.pending_segments)
        yield _gauge("wal_bytes", "Bytes of segments in the WAL.", status.wal_bytes)
        ages = GaugeMetricFamily(f"{PREFIX}layer_age_seconds", "Age of the newest data of a layer.", labels=["layer"])
        for layer, newest in status.newest.items():
            ages.add_metric([layer], max(0.0, self._clock() / 1e6 - newest))
        yield ages
        yield _gauge("predictions", "Rows of the published predictions.", status.predictions)

    def _channels(self) -> "Iterator[Metric]":
        sent = CounterMetricFamily(f"{PREFIX}notifications_sent", "Messages sent.", labels=["channel"])
        failed = CounterMetricFamily(f"{PREFIX}notifications_failed", "Attempts that failed.", labels=["channel"])
        for each in self._dispatchers:
            sent.add_metric([each.name], each.sent)
            failed.add_metric([each.name], each.failed)
        yield from (sent, failed)


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
    rest = [found[name] for name in names[MOST_LABELS:]]
    shown = {name: (found[name][0], found[name][1], found[name][2]) for name in names[:MOST_LABELS]}
    if rest:
        shown["(others)"] = (sum(r[0] for r in rest), sum(r[1] for r in rest), sum(r[2] for r in rest))
    return shown


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, text, value=value)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, value=value)
