"""What the page and the API show. A view never changes, so that any thread may read it without a lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SPARKS = 32
VERDICTS = ("good", "uncertain", "bad")
STANDINGS = ("ok", "warning", "critical", "silent")


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One active alarm."""

    alert_id: str
    rule: str
    device_id: str
    metric: str
    level: int
    state: str
    value: float | None
    fired_at: int
    at: int


@dataclass(frozen=True, slots=True)
class View:
    """The state at one moment."""

    at: int
    devices: Sequence[str]
    """Grows at its end; the first `device_n` belong to this view."""
    device_n: int
    metrics: Sequence[str]
    series_n: int
    columns: dict[str, npt.NDArray[Any]]
    """By series: device, metric, event_at, received_at, value, verdict, count, bad, waiting (in open windows)."""
    series_of: Sequence[Sequence[int]]
    """Series by device; those below `series_n` belong to this view."""
    numbers: dict[str, int]
    """Device id to number."""
    tags: dict[int, dict[str, str]]
    sparks: npt.NDArray[np.float32]
    """Means of the newest windows by series, oldest first, NaN for none. May be newer than the view."""
    alarms: tuple[AlarmRow, ...]
    levels: dict[str, int]
    """Highest alarm level by device, only of devices with an alarm."""
    is_silent: npt.NDArray[np.bool_]
    """By device: whether nothing was received from it for a long time."""
    counts: dict[str, float]

    def standing(self, device: int) -> str:
        """Return the state of a device in the overview: `critical`, `warning`, `silent` or `ok`."""
        level = self.levels.get(self.devices[device], 0)
        return STANDINGS[level] if level else "silent" if self.is_silent[device] else "ok"

    def latest(self, device: int) -> list[dict[str, Any]]:
        """Return the newest value of each metric of a device."""
        return [self.reading(series) for series in self.series_of[device] if series < self.series_n]

    def reading(self, series: int) -> dict[str, Any]:
        """Return the newest value of a series."""
        columns = self.columns
        value = float(columns["value"][series])
        return {
            "device_id": self.devices[int(columns["device"][series])],
            "metric": self.metrics[int(columns["metric"][series])],
            "value": value if np.isfinite(value) else None,
            "verdict": VERDICTS[int(columns["verdict"][series])],
            "event_at": int(columns["event_at"][series]),
            "received_at": int(columns["received_at"][series]),
        }

    def spark(self, series: int) -> list[float | None]:
        """Return the means of a series' newest windows, oldest first."""
        row = self.sparks[series].tolist() if series < len(self.sparks) else []
        return [None if value != value else round(value, 6) for value in row]


NOTHING = View(0, (), 0, (), 0, {}, (), {}, {}, np.empty((0, SPARKS), np.float32), (), {}, np.empty(0, np.bool_), {})
