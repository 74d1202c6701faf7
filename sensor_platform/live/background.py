"""Work that is repeated in a thread of its own until the process stops."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_JOIN_SECONDS = 5.0


@dataclass(slots=True)
class BackgroundWork:
    """Calls a function again and again. The function handles the errors that it expects."""

    name: str
    """Name of the thread."""
    seconds: float
    """Pause between two calls."""
    work: Callable[[], object]
    is_first_at_once: bool = False
    """Whether the first call is made without a pause."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the current call finish, and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        if self.is_first_at_once:
            self.work()
        while not self._stop.wait(self.seconds):
            self.work()
