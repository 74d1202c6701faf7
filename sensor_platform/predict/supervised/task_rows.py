"""TaskRows of a task: hours of devices with the inputs of a model. Pure."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import Cycle

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class TaskRows:
    """Hours of devices; arrays of one length, sorted by device and hour."""

    device: Texts
    hour: Ints
    inputs: Floats
    """Shape (rows, inputs of the task); NaN where there is no value and no default."""
    truth: Floats
    """Ground truth; NaN in rows to be scored."""
    weight: Floats
    """Number of hours that a row represents: common hours are thinned."""

    def __len__(self) -> int:
        return len(self.hour)

    def where(self, mask: npt.NDArray[np.bool_]) -> "TaskRows":
        """The rows for which `mask` holds."""
        return TaskRows(*(getattr(self, name)[mask] for name in self.__slots__))


def no_task_rows(config: TaskConfig) -> TaskRows:
    """An empty set of rows."""
    none = np.empty(0)
    return TaskRows(none.astype(object), none.astype(int), np.empty((0, len(config.sources))), none, none)


def sources_sha256(sources: Mapping[str, str]) -> str:
    """SHA-256 of the names, order and sources of inputs."""
    text = "\n".join(f"{name}\t{source}" for name, source in sources.items())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def input_matrix(values: Mapping[str, Floats], sources: Mapping[str, str], defaults: Mapping[str, float]) -> Floats:
    """Input matrix of a model from columns by name; missing values are NaN or the default. A real 0 stays 0."""
    length = max((len(each) for each in values.values()), default=0)
    result = np.full((length, len(sources)), np.nan)
    for place, name in enumerate(sources):
        column = values.get(name, np.full(length, np.nan))
        missing = ~np.isfinite(column)
        result[:, place] = np.where(missing, defaults.get(name, np.nan), column)
    return result


def cycle_starts(device: Texts, hour: Ints, cycles: Sequence[Cycle]) -> Floats:
    """First hour of the cycle of each row (sorted by device); NaN during a failure."""
    by_device: dict[str, list[Cycle]] = {}
    for cycle in cycles:
        by_device.setdefault(cycle.device, []).append(cycle)
    result = np.full(len(hour), np.nan)
    edges = [*np.flatnonzero(device[1:] != device[:-1]) + 1, len(device)] if len(device) else []
    for start, stop in itertools.pairwise([0, *edges]):
        known = by_device.get(device[start], [])
        if not known:
            continue
        first = np.array([cycle.first for cycle in known])
        last = np.array([np.inf if cycle.ends_at is None else cycle.last for cycle in known])
        own = hour[start:stop]
        place = np.searchsorted(first, own, side="right") - 1
        result[start:stop] = np.where((place >= 0) & (own <= last[place]), first[place], np.nan)
    return result
