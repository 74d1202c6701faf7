"""What the engine forgets: everything of a device or metric, or of a time of theirs."""

from typing import Protocol

import numpy as np

from sensor_platform.stream.rule_kinds.rule import SERIES_PREFIXES
from sensor_platform.stream.series import NEVER, NOBODY, Ints, SeriesIndex


class Forgettable(Protocol):
    """Names and times of what is forgotten."""

    @property
    def device(self) -> str | None:
        """None for all."""
        ...

    @property
    def metric(self) -> str | None:
        """None for all."""
        ...

    @property
    def span(self) -> tuple[int, int]:
        """Event times of [first, end), microseconds."""
        ...

    def is_in_time(self, event_at: int, received_at: int) -> bool:
        """Whether a reading is of its time, microseconds."""
        ...


def series_of(what: Forgettable, index: SeriesIndex) -> Ints:
    """Numbers of the series with its names, scores of them included."""
    size = len(index)
    devices = [name == what.device if what.device is not None else name != NOBODY for name in index.devices]
    metrics = [what.metric is None or plain_metric(name) == what.metric for name in index.metrics]
    if not size:
        return np.empty(0, np.int64)
    is_named = np.array(devices, np.bool_)[index.by_series["device"][:size]]
    return np.flatnonzero(is_named & np.array(metrics, np.bool_)[index.by_series["metric"][:size]])


def shown(what: Forgettable, index: SeriesIndex, series: Ints) -> Ints:
    """Those of some series of which the newest reading is forgotten; older state of the others may stay."""
    columns = zip(
        index.by_series["event_at"][series].tolist(), index.by_series["received_at"][series].tolist(), strict=True
    )
    return series[[event_at == NEVER or what.is_in_time(event_at, received_at) for event_at, received_at in columns]]


def plain_metric(name: str) -> str:
    """A metric without the prefix of a score."""
    return next((name.removeprefix(each) for each in SERIES_PREFIXES if name.startswith(each)), name)
