"""Gives newly published anomaly scores and forecast errors to the engine, for rules of the kinds `anomaly`, `forecast`.

`alert.history.published_scores` defines which rows there are and what time each has, for live and backtest alike.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sensor_platform.alert.history.published_scores import read_scores
from sensor_platform.home import Home
from sensor_platform.live.engine.step import Injected
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import Rule

log = logging.getLogger(__name__)
EVERY_SECONDS = 15.0


@dataclass(slots=True)
class ScoreFeed:
    """Looks for new hours in the published tables."""

    home: Home
    rules: Sequence[Rule]
    inject: Callable[[list[Injected]], None]
    newest_known: Callable[[str, str], int | None]
    """Newest time of a series (device, metric) in the engine, also from before a restart; None if there is none."""
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def is_needed(self) -> bool:
        """Whether a rule looks at scores."""
        return any(rule.series_prefix for rule in self.rules)

    def look(self) -> list[Injected]:
        """Return the hours that are new to the engine; only the newest hour of a series that it does not know."""
        found: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for device, metric, at, value in read_scores(self.home, self.rules, None):
            found.setdefault((device, metric), []).append((at, value))
        rows: list[Injected] = []
        for key, hours in found.items():
            newest = self._seen.get(key) or self.newest_known(*key)
            fresh = hours[-1:] if newest is None else [hour for hour in hours if hour[0] > newest]
            self._seen[key] = hours[-1][0]
            rows += [(*key, at, at, value) for at, value in fresh]
        return rows

    def feed(self) -> None:
        """Look, and inject what is new; a failure is only logged."""
        import duckdb

        try:
            rows = self.look()
        except (duckdb.Error, OSError) as error:
            log.warning("cannot read the published scores now: %s", error)
            return
        if rows:
            self.inject(rows)


def newest_time(engine: Engine, device: str, metric: str) -> int | None:
    """Return the newest event time of a series in the engine, microseconds; None if it does not know the series."""
    index = engine.index
    series = index.find(device, metric)
    return None if series is None else int(index.by_series["event_at"][series])
