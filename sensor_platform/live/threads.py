"""The threads of a live process beside its web server: engine, ingest, dispatchers and background work."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sensor_platform.live.background import BackgroundWork
from sensor_platform.live.engine.checkpoints import Checkpoints
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.sinks.mqtt_link import MqttLink

log = logging.getLogger(__name__)
_ENGINE_SECONDS = 30.0


class _Service(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class LiveThreads:
    """Starts and stops all of them, in order."""

    ingest: IngestWriter
    loop: Loop
    checkpoints: Checkpoints
    links: Sequence[MqttLink]
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
        services: list[_Service] = [*self.links, *self.background, *self.dispatchers]
        for each in services:
            each.start()
        self._engine = threading.Thread(target=self._run_engine, name="engine", daemon=True)
        self._engine.start()

    def stop(self) -> None:
        """Stop in order: no more messages, the engine's last snapshot, then everything that sends."""
        self.ingest.stop()
        self.loop.stop()
        if self._engine is not None:
            self._engine.join(_ENGINE_SECONDS)
        services: list[_Service] = [*self.dispatchers, *self.links, *self.background]
        for each in services:
            each.stop()
        self.checkpoints.close()

    def _run_engine(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:
            log.exception("the engine has ended")
            self.failure = error
