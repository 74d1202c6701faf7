"""The lander as a process: lands sealed segments until it is stopped."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sensor_platform.errors import PlatformError
from sensor_platform.landing.files.leftovers import clear_leftovers
from sensor_platform.landing.lander import Lander
from sensor_platform.landing.lander_status import LanderStatus, write_status
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.versions.reports import Reloading

RETRY_SECONDS = 1.0
"""Pause after an error of the disk, which may be temporary."""

DecodeSettings = tuple[Sequence[Contract], TimeLimits]
"""Contracts in order of precedence, and the times between which readings are accepted."""


@dataclass(slots=True)
class LanderService:
    """Runs a lander and keeps its status file."""

    lander: Lander
    pid: int
    say: Callable[[str], None]
    """Receives lines for the log."""
    reloading: Reloading[DecodeSettings] | None = None
    """How contracts and limits are followed; None if they stay. A segment is decoded by those of one moment."""
    status: LanderStatus = field(init=False)

    def __post_init__(self) -> None:
        self.status = LanderStatus(pid=self.pid, started_at=self.lander.clock())

    def start(self) -> None:
        """Clear what a killed lander left."""
        cleared = clear_leftovers(self.lander.home, self.lander.ledger)
        for path in cleared.set_aside:
            self.say(f"set aside {path}: neither the ledger nor a WAL accounts for it")

    def land_all(self) -> int:
        """Land all sealed segments; returns their number.

        Raises:
            OSError: the disk does not allow it now.
        """
        landed = 0
        self._note("landing")
        self._reload()
        for manifest in self.lander.land_sealed():
            self._reload()
            landed += 1
            self.status.segments += 1
            self.status.messages += manifest.messages
            self.status.quarantined += manifest.quarantined
            self.status.readings += manifest.readings
            self.status.last_segment = manifest.segment
            for damage in manifest.damage:
                self.say(f"{manifest.segment}: {damage.bytes} damaged bytes at {damage.start} were set aside")
            self._note("landing")
        self.status.error = None
        self._note("idle")
        return landed

    def follow(self, wait: Callable[[float], bool], poll_seconds: float) -> None:
        """Land until `wait` returns True, then once more.

        Args:
            wait: waits up to this number of seconds; returns True when it is time to stop.
            poll_seconds: between two looks at the WAL folder.
        """
        stopping = False
        while True:
            pause = poll_seconds
            try:
                self.land_all()
                if stopping:
                    return
            except (OSError, sqlite3.OperationalError) as error:
                self._complain(error)
                if stopping:
                    raise
                pause = RETRY_SECONDS
            stopping = wait(pause)

    def stop(self) -> None:
        """Write the state `stopped`."""
        self._note("stopped")

    def _reload(self) -> None:
        """Between two segments, take other contracts if there are any."""
        if self.reloading is None or (settings := self.reloading.changed()) is None:
            return
        try:
            self.lander.decode_with(*settings)
        except PlatformError as error:
            self.reloading.failed(error)
            return
        self.reloading.applied()

    def _complain(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self.status.error:
            self.say(f"cannot land now, trying again: {text}")
        self.status.error = text
        self._note("waiting")

    def _note(self, state: str) -> None:
        self.status.state = state
        self.status.updated_at = self.lander.clock()
        self.status.pending_segments = sum(1 for _ in self.lander.home.wal.glob("*.wal"))
        self.status.unreadable = dict(self.lander.unreadable)
        write_status(self.lander.home, self.status)
