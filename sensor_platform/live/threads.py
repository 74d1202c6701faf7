"""The threads of a live process beside its web server: engine, ingest, dispatchers and background work."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sensor_platform.alert import store
from sensor_platform.alert.history.rule_epochs import record_rules
from sensor_platform.live.background import BackgroundWork
from sensor_platform.live.engine import checkpoints, score_feed
from sensor_platform.live.engine.checkpoints import Checkpoints
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.live_components import LiveComponents, wake_all
from sensor_platform.live.monitor import platform_status
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.sending import failed_run_notifications
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.sinks.mqtt_link import MqttLink

log = logging.getLogger(__name__)
_ENGINE_SECONDS = 30.0


@dataclass(slots=True)
class LiveThreads:
    """Starts and stops all of them, in order."""

    ingest: IngestWriter
    loop: Loop
    checkpoints: Checkpoints
    links: Sequence[MqttLink]
    """They are started by what uses them."""
    dispatchers: Sequence[Dispatcher]
    background: Sequence[BackgroundWork]
    prepare: Callable[[], None]
    """Called first, as soon as no other live process can be at work on the home."""
    failure: BaseException | None = None
    """What ended the engine's thread, if anything did."""
    _engine: threading.Thread | None = None

    def start(self) -> None:
        """Start every thread.

        Raises:
            WrongUse: another live process works on this home.
        """
        self.ingest.start()
        self.prepare()
        for each in self.background:
            each.start()
        for dispatcher in self.dispatchers:
            dispatcher.start()
        self._engine = threading.Thread(target=self._run_engine, name="engine", daemon=True)
        self._engine.start()

    def stop(self) -> None:
        """Stop in order: no more messages, the engine's last snapshot, then everything that sends."""
        self.ingest.stop()
        self.loop.stop()
        if self._engine is not None:
            self._engine.join(_ENGINE_SECONDS)
        services: list[Dispatcher | MqttLink | BackgroundWork] = [*self.dispatchers, *self.links, *self.background]
        for each in services:
            each.stop()
        self.checkpoints.close()

    def _run_engine(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:
            log.exception("the engine has ended")
            self.failure = error


def make_threads(components: LiveComponents) -> LiveThreads:
    """Make the threads of a live process, not started."""
    setup, loop, links = components.setup, components.loop, components.links
    home, path = setup.home, setup.home.live_file
    copier = checkpoints.Checkpoints(path)
    failed_runs = failed_run_notifications.FailedRunNotifications(
        home, path, setup.alerts, setup.site, components.clock, partial(wake_all, components.dispatchers)
    )
    feed = score_feed.ScoreFeed(home, setup.alerts.rules, loop.inject, partial(_newest_time, loop))
    background = [
        BackgroundWork("platform status", platform_status.EVERY_SECONDS, components.poller.poll, is_first_at_once=True),
        BackgroundWork("checkpoints", checkpoints.EVERY_SECONDS, copier.make),
        BackgroundWork("failed runs", failed_run_notifications.EVERY_SECONDS, failed_runs.look_and_log),
    ]
    if feed.is_needed:
        background.append(BackgroundWork("scores", score_feed.EVERY_SECONDS, feed.feed))

    def prepare() -> None:
        store.connect(path).close()
        record_rules(home, setup.alerts, components.clock())
        if links.states.topic:
            links.site.start()

    return LiveThreads(
        ingest=components.ingest,
        loop=loop,
        checkpoints=copier,
        links=[links.site, *([links.uplink] if links.uplink else [])],
        dispatchers=components.dispatchers,
        background=background,
        prepare=prepare,
    )


def _newest_time(loop: Loop, device: str, metric: str) -> int | None:
    return score_feed.newest_time(loop.engine, device, metric)  # a failed write replaces the loop's engine
