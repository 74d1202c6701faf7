"""A live process put together: engine thread, outbox, ingest, watchers, and what the endpoints ask of them."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from sensor_platform.alert import store
from sensor_platform.alert.history.rule_epochs import note_rules
from sensor_platform.alert.operator_answers import answer_alert
from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.engine.checkpoints import Checkpoints
from sensor_platform.live.engine.emitted_windows import decode_closed
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.engine.score_series import Scores
from sensor_platform.live.engine.step import Done, Injected, Step
from sensor_platform.live.engine.view import Viewer
from sensor_platform.live.monitor.metrics import LiveCollector, Stages, groups_of
from sensor_platform.live.monitor.platform_status import Watcher
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.live.sending.carriers import Carriers
from sensor_platform.live.sending.failed_run_notices import FailedRuns
from sensor_platform.live.sending.outputs import LiveOutput
from sensor_platform.reading.batch import Limits
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import Envelope
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.sinks.mqtt_link import DeviceStates, Link
from sensor_platform.stream.rules import Count, Threshold, limits_in

log = logging.getLogger(__name__)
_MOST_ALERTS = 1_000


@dataclass(slots=True)
class Parts:
    """Everything of one live process. Made by `process.make_parts`."""

    home: Home
    config: LiveConfig
    limits: Limits
    loop: Loop
    viewer: Viewer
    decoder: Decoder
    """For ingest; the loop has its own."""
    ingest: IngestWriter
    watcher: Watcher
    link: Link
    uplink: Link | None
    """To the broker of the centre, where there is one; it may be away for long."""
    states: DeviceStates
    predictor: Predictor
    output: LiveOutput
    variables: Mapping[str, str]
    clock: Callable[[], int]
    registry: CollectorRegistry
    stages: Stages
    scores: Scores = field(init=False)
    failed_runs: FailedRuns = field(init=False)
    checkpoints: Checkpoints = field(init=False)
    carriers: Carriers = field(init=False)
    dispatchers: list[Dispatcher] = field(default_factory=list)
    clients: Callable[[], int] = lambda: 0
    failure: BaseException | None = None
    """What ended the engine's thread, if anything did."""
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.loop.path)
        self.carriers = Carriers(
            self.loop.path,
            self.config,
            self.output.alerts,
            self.link,
            self.uplink,
            self.variables,
            self.clock,
            self.predictor.predict,
            self.store_message,
        )
        self.viewer.recall = self.newest_closed
        self.scores = Scores(self.home, self.output.alerts.rules, self._inject, self._newest_of)
        self.failed_runs = FailedRuns(
            self.home, self.loop.path, self.output.alerts, self.output.site, self.clock, self._wake
        )

    def start(self) -> None:
        """Start every thread.

        Raises:
            WrongUse: another live process works on this home, or a channel cannot be made.
        """
        self.ingest.start()
        store.connect(self.loop.path).close()
        note_rules(self.home, self.output.alerts, self.clock())
        self.dispatchers = self.carriers.dispatchers()
        if self.uplink is not None:
            self.uplink.start()
        if self.states.topic or any(not each.name.startswith("(predict") for each in self.dispatchers):
            self.link.start()
        self.watcher.start()
        self.checkpoints.start()
        self.scores.start()
        self.failed_runs.start()
        for each in self.dispatchers:
            each.start()
        self.registry.register(
            LiveCollector(
                lambda: self.viewer.view,
                lambda: self.watcher.now,
                lambda: self.dispatchers,
                self.clients,
                self.clock,
                self.config.group_tag,
            )
        )
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop in order: no more messages, the engine's last snapshot, then what sends."""
        self.ingest.stop()
        self.loop.stop()
        if self._thread is not None:
            self._thread.join(30.0)
        for each in self.dispatchers:
            each.stop()
        self.link.stop()
        if self.uplink is not None:
            self.uplink.stop()
        self.watcher.stop()
        self.checkpoints.stop()
        self.scores.stop()
        self.failed_runs.stop()

    def after_step(self, step: Step, done: Done) -> None:
        """Called by the engine's thread."""
        self.viewer.take(self.loop.engine, self.loop.status, step, done)
        self.stages.note(done.events)
        for taken in done.taken:
            arrived = taken.piece.messages.received_at[-1]
            self.stages.observe("queued", (self.clock() - arrived) / 1e6 - self.loop.status.step_seconds)
            groups = groups_of(taken.readings, self.loop.engine.index, self.config.group_tag)
            self.stages.note_received(taken.collector, len(taken.piece.messages) - len(taken.piece.duplicates), groups)
        if done.taken:
            self.stages.observe("step", self.loop.status.step_seconds)
        if done.events or done.closed or done.taken:
            self._wake()

    def newest_closed(self, spec: str, micros: int) -> list[bytes]:
        """Stored windows of a spec of the last microseconds, oldest first."""
        connection = store.connect(self.loop.path)
        try:
            rows = connection.execute(
                "select body from closed where at >= ? and spec = ? order by seq", (self.clock() - micros, spec)
            )
            return [body for (body,) in rows]
        finally:
            connection.close()

    def recent(self, device: str, metric: str, spec: str, minutes: float) -> list[dict[str, Any]]:
        """Windows of one series that closed in the last minutes, newest revision each, oldest first."""
        name = spec or (self.config.engine.windows[0].name if self.config.engine.windows else "")
        found: dict[int, dict[str, Any]] = {}
        for body in self.newest_closed(name, int(minutes * 60e6)):
            for row in decode_closed(body, (device, metric)):
                found[row["start"]] = {key: value if value == value else None for key, value in row.items()}
        return [found[start] for start in sorted(found)]

    def limits_of(self, device: str, metric: str) -> list[tuple[int, str, float]]:
        """Limits that threshold rules set to a series: level, `above` or `below`, value."""
        rule_set = self.loop.engine.rule_set
        series = rule_set.index.find(device, metric)
        found = []
        for instance in rule_set.instances:
            rule = instance.rule
            if isinstance(rule, Threshold | Count) and series is not None and instance.is_match(series):
                found += limits_in(rule)
        return sorted(set(found))

    def alert_rows(self, state: str, device: str) -> list[dict[str, Any]]:
        """Alerts, newest first, at most a thousand."""
        connection = store.connect(self.loop.path)
        try:
            result = connection.execute(
                "select * from alerts where (? = '' or state = ?) and (? = '' or device_id = ?)"
                " order by noticed_at desc limit ?",
                (state, state, device, device, _MOST_ALERTS),
            )
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        finally:
            connection.close()

    def answer(self, alert_id: str, kind: str, by: str) -> None:
        """Acknowledge, confirm or reject an alert.

        Raises:
            WrongUse: there is no such alert or answer.
        """
        answer_alert(self.home, alert_id, kind, by, self.clock())
        self.loop.wake()

    def store_message(self, topic: str, payload: bytes) -> None:
        """A message of our own, through the same segments as all others; returns once it is on disk."""
        moment = utc_from_micros(self.clock())
        self.ingest.put([Envelope(topic, payload, moment, "", 0, session="live")], len(payload)).result(30.0)

    def _inject(self, rows: list[Injected]) -> None:
        self.loop.injected.extend(rows)
        self.loop.wake()

    def _newest_of(self, device: str, metric: str) -> int | None:
        index = self.loop.engine.index
        series = index.find(device, metric)
        return None if series is None else int(index.by_series["event_at"][series])

    def _wake(self) -> None:
        for each in self.dispatchers:
            each.wake()

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:
            log.exception("the engine has ended")
            self.failure = error
