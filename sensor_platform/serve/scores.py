"""Forecast against what came, as series of their own, so that rules of the kinds `anomaly` and `forecast` see them.

The anomaly score of an hour is its distance from the forecast in half-widths of the forecast's interval: 1 is its edge.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensor_platform.home import Home
from sensor_platform.serve.step import Injected
from sensor_platform.stream.rules import OUTSIDE_OF, SCORE_OF, Anomaly, Forecast, Rule

log = logging.getLogger(__name__)
_LOOK_SECONDS = 15.0
_HOUR = 3_600_000_000
_NEWEST = """
with scored as (
    select
        device_id, metric, target_at,
        arg_max(value, issued_at) as value, arg_max(lower, issued_at) as lower, arg_max(upper, issued_at) as upper,
        arg_max(actual, issued_at) as actual
    from prediction_accuracy
    where target_at > (select max(target_at) from prediction_accuracy) - interval 2 day
    group by device_id, metric, target_at
)
select device_id, metric, epoch_us(target_at), value, lower, upper, actual
from scored
where actual is not null
qualify target_at < max(target_at) over (partition by device_id, metric)
order by target_at
"""
"""An hour counts as over when its device has data of a later one."""


@dataclass(slots=True)
class Scores:
    """Looks for new hours now and then, in a thread of its own."""

    home: Home
    rules: Sequence[Rule]
    inject: Callable[[list[Injected]], None]
    clock: Callable[[], int]
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
        """Scores of hours that are new since the last look; at the first look of each series the newest hour alone."""
        found: dict[tuple[str, str], list[tuple[int, float, float, float, float]]] = {}
        for device, metric, at, value, lower, upper, actual in self._rows():
            if at > self._seen.get((device, metric), 0):
                found.setdefault((device, metric), []).append((at, value, lower, upper, actual))
        now = self.clock()
        rows: list[Injected] = []
        for key, hours in found.items():
            fresh = hours if key in self._seen else hours[-1:]
            self._seen[key] = hours[-1][0]
            for at, value, lower, upper, actual in fresh:
                device, metric = key
                outside = max(lower - actual, actual - upper, 0.0)
                half = max((upper - lower) / 2, 1e-12)
                rows.append((device, OUTSIDE_OF + metric, at + _HOUR, now, outside))
                rows.append((device, SCORE_OF + metric, at + _HOUR, now, abs(actual - value) / half))
        return rows

    def _rows(self) -> list[tuple[Any, ...]]:
        import duckdb

        if not self.home.analytics_file.exists():
            return []
        with duckdb.connect(str(self.home.analytics_file), read_only=True, config={"threads": 1}) as connection:
            try:
                return connection.execute(_NEWEST).fetchall()
            except duckdb.CatalogException:
                return []  # nothing was forecast yet

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
