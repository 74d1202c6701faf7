"""Publishes the recording in a thread, so that the main thread shows progress and handles Ctrl-C."""

import threading
from collections.abc import Sequence

from sensor_platform.collect.config import Broker
from sensor_platform.devices.pacing import send_on_schedule
from sensor_platform.devices.publisher import Publisher
from sensor_platform.devices.replay_rows import Message, paced


class _StoppedError(Exception):
    """Raised in the thread when the demo ends before everything is sent."""


class Feed:
    """Sends message lists, one after another; `sent` and `acknowledged` count over all of them."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._publisher: Publisher | None = None
        self._before = (0, 0)
        self._error: BaseException | None = None

    def send(self, messages: Sequence[Message], speed: float | None) -> None:
        """Start sending; `speed` is in seconds of data per second, None for as fast as possible."""
        assert not self.is_busy
        self._before, self._publisher = self.counts(), None
        self._thread = threading.Thread(target=self._run, args=(messages, speed), name="feed", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether messages are still being sent. Raises the error that ended the sending, if any."""
        if self._error is not None:
            raise self._error
        return self._thread is not None and self._thread.is_alive()

    def counts(self) -> tuple[int, int]:
        """Numbers of sent and acknowledged messages."""
        publisher = self._publisher
        now = (publisher.sent, publisher.acknowledged) if publisher else (0, 0)
        return self._before[0] + now[0], self._before[1] + now[1]

    def publish(self, topic: str, payload: bytes) -> None:
        """Queue one message (called from the thread)."""
        assert self._publisher is not None
        self._publisher.publish(topic, payload)
        if self._stop.is_set():
            raise _StoppedError

    def pump(self, seconds: float) -> None:
        """Serve the connection in short intervals, so that a stop is noticed (called from the thread)."""
        assert self._publisher is not None
        self._publisher.pump(min(seconds, 0.2))
        if self._stop.is_set():
            raise _StoppedError

    def close(self) -> None:
        """Stop sending and wait for the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _run(self, messages: Sequence[Message], speed: float | None) -> None:
        try:
            with Publisher(self._broker) as self._publisher:
                send_on_schedule(paced(messages, speed), self)
                self._publisher.drain()
        except _StoppedError:
            return
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._error = error
