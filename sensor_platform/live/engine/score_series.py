"""Scores and forecasts as published, as series that rules of the kinds `anomaly` and `forecast` look at.

What is read, and what time it has, is `alert.history.scores`: the same rows that history is judged with.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sensor_platform.alert.history.published_scores import read_scores
from sensor_platform.home import Home
from sensor_platform.live.engine.step import Injected
from sensor_platform.stream.rules import Anomaly, Forecast, Rule

log = logging.getLogger(__name__)
_LOOK_SECONDS = 15.0


@dataclass(slots=True)
class Scores:
    """Looks for new hours now and then, in a thread of its own."""

    home: Home
    rules: Sequence[Rule]
    inject: Callable[[list[Injected]], None]
    known: Callable[[str, str], int | None]
    """Newest time of a series that the engine has, as it was before a restart; None where it has none."""
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where a rule wants it."""
        if any(isinstance(rule, Anomaly | Forecast) for rule in self.rules):
            self._thread = threading.Thread(target=self._run, name="scores", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def look(self) -> list[Injected]:
        """Scores of hours that are new to the engine; of a series that it has never seen the newest hour alone."""
        found: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for device, metric, at, value in read_scores(self.home, self.rules, None):
            found.setdefault((device, metric), []).append((at, value))
        rows: list[Injected] = []
        for key, hours in found.items():
            newest = self._seen.get(key) or self.known(*key)
            fresh = hours[-1:] if newest is None else [hour for hour in hours if hour[0] > newest]
            self._seen[key] = hours[-1][0]
            rows += [(*key, at, at, value) for at, value in fresh]
        return rows

    def _run(self) -> None:
        import duckdb

        while not self._stop.wait(_LOOK_SECONDS):
            try:
                rows = self.look()
            except (duckdb.Error, OSError) as error:
                log.warning("cannot look at the forecasts now: %s", error)
                continue
            if rows:
                self.inject(rows)
