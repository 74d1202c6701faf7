"""Backtest of rules: the rule set that runs live, fed with the published readings in the order of their arrival."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.history.published_scores import read_scores
from sensor_platform.alert.replay_rules import ORDER, READING_COLUMNS, RuleReplay, replay_scores, rules_of
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.clock import from_micros, to_micros
from sensor_platform.labels.label_store import Label, read_labels
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import BAD, Readings
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.rule_set import RuleSet
from sensor_platform.stream.rules import LEVELS, Threshold
from sensor_platform.warehouse.published.published_file import open_published

EVENT_COLUMNS = ("at", "noticed_at", "rule", "device_id", "metric", "kind", "level", "value", "suppressed", "alert_id")
SUMMARY_COLUMNS = (
    "rule",
    "alerts",
    "critical",
    "devices",
    "flaps",
    "hours_in_alarm",
    "still_firing",
    "suppressed",
    "confirmed_found",
    "confirmed_missed",
    "rejected_found",
    "median_delay_seconds",
    "suggested_clear_margin",
)
_ROWS = 200_000
_FLAP = 600_000_000
"""Firing again within ten minutes of being resolved is a flap."""
_SAMPLES = 200_000


@dataclass(slots=True)
class RuleBacktest:
    """Events of a backtest, and what its summary compares them with."""

    config: AlertConfig
    end: int
    """Microseconds; alerts that still fire are counted up to here."""
    events: list[Event] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    noise: dict[str, list[float]] = field(default_factory=dict)
    """Rule to samples of the absolute change from one reading of a series to the next."""

    def event_rows(self) -> list[Sequence[Any]]:
        """Rows of EVENT_COLUMNS, in order of arrival."""
        return [
            (
                from_micros(e.at),
                from_micros(e.noticed_at),
                e.rule,
                e.device_id,
                e.metric,
                e.kind,
                LEVELS[max(e.level, 1) - 1],
                e.value,
                e.suppressed,
                e.alert_id,
            )
            for e in self.events
        ]

    def summary_rows(self) -> list[Sequence[Any]]:
        """Rows of SUMMARY_COLUMNS, one per rule in the order of the file."""
        return [self._summary(rule.name) for rule in self.config.rules]

    def spans(self, rule: str) -> list[tuple[str, str, int, int, int]]:
        """Alerts of a rule: device, metric, event times of firing and of resolution (or the end), highest level."""
        found: dict[str, list[Any]] = {}
        for event in self.events:
            if event.rule == rule:
                span = found.setdefault(
                    event.alert_id, [event.device_id, event.metric, event.at, self.end, event.level]
                )
                span[4] = max(span[4], event.level)
                if event.kind == "resolved":
                    span[3] = event.at
        return [(device, metric, start, end, level) for device, metric, start, end, level in found.values()]

    def _summary(self, rule: str) -> Sequence[Any]:
        spans = self.spans(rule)
        resolved = sum(event.rule == rule and event.kind == "resolved" for event in self.events)
        found, missed, delays = self._confirmed(spans, rule)
        rejected = sum(_covers(spans, label) is not None for label in self.labels if _is(label, "rejected", rule))
        return (
            rule,
            len(spans),
            sum(level == 2 for *_, level in spans),
            len({device for device, *_ in spans}),
            _flaps(spans),
            round(sum(end - start for _, _, start, end, _ in spans) / 3.6e9, 3),
            len(spans) - resolved,
            sum(event.rule == rule and bool(event.suppressed) for event in self.events),
            found,
            missed,
            rejected,
            round(float(np.median(delays)), 3) if delays else None,
            self._margin(rule),
        )

    def _confirmed(self, spans: list[tuple[str, str, int, int, int]], rule: str) -> tuple[int, int, list[float]]:
        """Labels that confirm an event: number found, number missed, and the delays of those found, in seconds."""
        delays: list[float] = []
        missed = 0
        for label in self.labels:
            if not _is(label, "confirmed", rule):
                continue
            at = _covers(spans, label)
            if at is None:
                missed += 1
            else:
                delays.append(max(0.0, (at - label.start_at) / 1e6))
        return len(delays), missed, delays

    def _margin(self, rule: str) -> float | None:
        """Suggested clear margin: three times the usual change between readings, so that noise does not flap."""
        noise = self.noise.get(rule)
        return float(f"{3 * 1.4826 * np.median(noise):.3g}") if noise else None


def newest_received(home: Home) -> datetime | None:
    """Arrival time of the newest published reading, plain UTC; None if there is none."""
    rows = list(_query(home, "select max(received_at) from readings_clean", []))
    return rows[0]["max(received_at)"][0] if rows else None


def run_backtest(home: Home, config: AlertConfig, engine: EngineConfig, start: datetime, end: datetime) -> RuleBacktest:
    """Run rules over the readings that arrived in [start, end].

    Args:
        home: the data folder.
        config: rules and maintenance to try.
        engine: configuration of the live process, for its bounds and settling time.
        start: plain UTC.
        end: plain UTC.

    Raises:
        Unreachable: no readings are published yet.
    """
    found = RuleBacktest(config, to_micros(end), labels=read_labels(home))
    replay = RuleReplay(rules_of(config, is_about_scores=False), engine)
    until = to_micros(end)
    for columns in _readings(home, start, end):
        readings, events = replay.take(columns)
        found.events += events
        _take_noise(found, replay.rule_set, readings)
    readings, events = replay.settle(until)
    found.events += events
    _take_noise(found, replay.rule_set, readings)
    scores = [score for score in read_scores(home, config.rules, to_micros(start)) if score[2] <= until]
    tags = {replay.index.devices[number]: tags for number, tags in replay.index.tags.items()}
    found.events += replay_scores([(0, config)], engine, scores, tags, until)
    found.events.sort(key=lambda event: (event.noticed_at, event.rule, event.device_id, event.metric))
    return found


def _readings(home: Home, start: datetime, end: datetime) -> Iterator[dict[str, Sequence[Any]]]:
    sql = (
        f"select {READING_COLUMNS} from readings_clean"  # noqa: S608 - our own names
        f" where received_at >= ? and received_at <= ? and value is not null order by {ORDER}"
    )
    return _query(home, sql, [start, end])


def _query(home: Home, sql: str, parameters: list[Any]) -> Iterator[dict[str, Any]]:
    import duckdb

    if not home.analytics_file.exists():
        raise Unreachable("nothing is published yet", "run `sensor-platform publish` first")
    with open_published(home) as connection:
        try:
            result = connection.execute(sql, parameters)
        except duckdb.CatalogException as error:
            raise Unreachable("readings_clean is not published yet", "wait for its first run") from error
        names = [column[0] for column in result.description or ()]
        while rows := result.fetchmany(_ROWS):
            yield dict(zip(names, zip(*rows, strict=True), strict=True))


def _take_noise(found: RuleBacktest, rule_set: RuleSet, readings: Readings) -> None:
    """Collect changes between consecutive readings of series that threshold rules are about."""
    if not len(readings):
        return
    is_same = readings.series[1:] == readings.series[:-1]
    jumps = np.abs(readings.value[1:] - readings.value[:-1])
    for instance in rule_set.instances:
        if not isinstance(instance.rule, Threshold):
            continue
        rows = is_same & instance.matches["is_match"][readings.series[1:]] & (readings.verdict[1:] != BAD)
        kept = found.noise.setdefault(instance.rule.name, [])
        if len(kept) < _SAMPLES:
            kept += jumps[rows][: _SAMPLES - len(kept)].tolist()


def _flaps(spans: list[tuple[str, str, int, int, int]]) -> int:
    ordered = sorted((device, metric, start, end) for device, metric, start, end, _ in spans)
    return sum(a[:2] == b[:2] and b[2] - a[3] < _FLAP for a, b in pairwise(ordered))


def _is(label: Label, what: str, rule: str) -> bool:
    return (label.label == what and label.source in {f"alert:{rule}", rule}) or (
        label.label not in {"confirmed", "rejected"} and what == "confirmed"
    )


def _covers(spans: list[tuple[str, str, int, int, int]], label: Label) -> int | None:
    """Time at which the first alert fired that overlaps the label and has its device and metric; None for none."""
    starts = [
        start
        for device, metric, start, end, _ in spans
        if device == label.device_id
        and (not label.metric or not metric or metric == label.metric)
        and start <= label.end_at
        and end >= label.start_at
    ]
    return min(starts, default=None)
