"""Numbers of devices, metrics and series, with a bound so that new names cannot fill the memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.growable import GrowableColumns

Ints = npt.NDArray[np.int64]
NEVER = np.iinfo(np.int64).min
"""Earlier than every time."""
NOBODY = ""
"""Name in place of a device or metric that was forgotten; no real one is empty."""

_METRIC_BITS = 24


@dataclass(slots=True)
class SeriesIndex:
    """A number per (device, metric), with its newest reading. Numbers are never reused, not even of forgotten names."""

    limit: int = 200_000
    """Maximum number of series. Readings of further series are not followed live, but they land."""
    devices: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)
    """Newest tags by device number, for devices that have any."""
    refused: int = 0
    """Number of readings that were not followed because of `limit`."""
    by_series: GrowableColumns = field(
        default_factory=lambda: GrowableColumns(
            {
                "device": ("i8", 0),
                "metric": ("i8", 0),
                "event_at": ("i8", NEVER),
                "received_at": ("i8", NEVER),
                "value": ("f8", np.nan),
                "verdict": ("u1", 0),
                "count": ("i8", 0),
                "bad": ("i8", 0),
            }
        )
    )
    by_device: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"watermark": ("i8", NEVER), "received_at": ("i8", NEVER)})
    )
    _device_numbers: dict[str, int] = field(default_factory=dict)
    _metric_numbers: dict[str, int] = field(default_factory=dict)
    _series: dict[int, int] = field(default_factory=dict)
    _sorted: tuple[Ints, Ints] = field(default_factory=lambda: (np.empty(0, np.int64), np.empty(0, np.int64)))
    """Sorted keys of `_series` and their numbers, updated now and then. Serves most look-ups."""
    _unsorted: int = 0
    """Look-ups that `_sorted` did not serve."""

    def __len__(self) -> int:
        return self.by_series.size

    def device_numbers(self, ids: Sequence[str]) -> Ints:
        """The number of each device id; -1 beyond the limit."""
        numbers = self._device_numbers
        if not numbers.keys() >= set(ids):
            for new in (each for each in dict.fromkeys(ids) if each not in numbers):
                if len(numbers) < self.limit:
                    numbers[new] = len(self.devices)
                    self.devices.append(new)
        self.by_device.grow(len(self.devices))
        return np.array(list(map(numbers.get, ids, repeat(-1))), np.int64)

    def metric_number(self, name: str) -> int:
        """The number of a metric; -1 beyond the limit."""
        number = self._metric_numbers.get(name)
        if number is None:
            if len(self._metric_numbers) >= self.limit or len(self.metrics) >= (1 << _METRIC_BITS) - 1:
                return -1
            number = self._metric_numbers[name] = len(self.metrics)
            self.metrics.append(name)
        return number

    def numbers(self, device: Ints, metric: Ints) -> Ints:
        """The series of each (device, metric), new ones included; -1 if either is -1 or beyond the limit."""
        keys = np.where((device < 0) | (metric < 0), -1, (device << _METRIC_BITS) | metric)
        known, numbers = self._sorted
        out = np.full(len(keys), -1, np.int64)
        is_other = keys >= 0
        if len(known):
            at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            is_known = known[at] == keys
            out[is_known] = numbers[at[is_known]]
            is_other &= ~is_known
        if is_other.any():
            self._unsorted += int(is_other.sum())
            unique, inverse = np.unique(keys[is_other], return_inverse=True)
            out[is_other] = np.array([self._number(int(key)) for key in unique], np.int64)[inverse]
            if self._unsorted > len(self._series) // 4:  # sorting costs as much as these look-ups
                self._sort()
        self.refused += int((out < 0).sum())
        return out

    def find(self, device_id: str, metric: str) -> int | None:
        """The series of a device and metric, or None."""
        device, number = self._device_numbers.get(device_id), self._metric_numbers.get(metric)
        if device is None or number is None:
            return None
        return self._series.get((device << _METRIC_BITS) | number)

    def device(self, series: int) -> str:
        """Device id of a series."""
        return self.devices[int(self.by_series["device"][series])]

    def metric(self, series: int) -> str:
        """Metric of a series."""
        return self.metrics[int(self.by_series["metric"][series])]

    def device_number(self, device_id: str) -> int | None:
        """The number of a device, or None."""
        return self._device_numbers.get(device_id)

    def set_back(self, now: int) -> None:
        """No reading is of a later time than `now`, microseconds."""
        self.by_series.bound(("event_at", "received_at"), now)
        self.by_device.bound(("watermark", "received_at"), now)

    def is_gone(self, series: int) -> bool:
        """Whether the name of a series was taken away."""
        return self.device(series) == NOBODY

    def forget(self, series: Ints, devices: Collection[str] = ()) -> None:
        """Take away the names and values of series, and of whole devices; a name that comes again gets a new number.

        Args:
            series: numbers.
            devices: ids; their series must be among `series`.
        """
        # copies: views of other threads go on with what they have
        self.devices, self.metrics, self.tags = list(self.devices), list(self.metrics), dict(self.tags)
        for device in devices:
            if (number := self._device_numbers.pop(device, None)) is not None:
                self.devices[number] = NOBODY
                self.tags.pop(number, None)
                self.by_device.reset(np.array([number]))
        owners = self.by_series["device"][series]
        if any(self.devices[owner] != NOBODY for owner in np.unique(owners).tolist()):
            owners = np.full(len(series), self._nobody(), np.int64)
        metrics = self.by_series["metric"][series]
        self.by_series.reset(series)
        self.by_series["device"][series], self.by_series["metric"][series] = owners, metrics
        self._number_again()
        used = {key & ((1 << _METRIC_BITS) - 1) for key in self._series}
        for number in set(metrics.tolist()) - used:
            self._metric_numbers.pop(self.metrics[number], None)
            self.metrics[number] = NOBODY

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        return {
            "devices": self.devices,
            "metrics": self.metrics,
            "tags": [[number, tags] for number, tags in self.tags.items()],
            "refused": self.refused,
            "by_series": self.by_series.dump(),
            "by_device": self.by_device.dump(),
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot."""
        self.devices, self.metrics = list(dumped["devices"]), list(dumped["metrics"])
        self.tags = {number: dict(tags) for number, tags in dumped["tags"]}
        self.refused = dumped["refused"]
        self._device_numbers = {name: number for number, name in enumerate(self.devices) if name != NOBODY}
        self._metric_numbers = {name: number for number, name in enumerate(self.metrics) if name != NOBODY}
        self.by_series.load(dumped["by_series"])
        self.by_device.load(dumped["by_device"])
        self._number_again()

    def _nobody(self) -> int:
        """Number of a device without a name."""
        if NOBODY not in self.devices:
            self.devices.append(NOBODY)
            self.by_device.grow(len(self.devices))
        return self.devices.index(NOBODY)

    def _number_again(self) -> None:
        size = self.by_series.size
        device = self.by_series["device"][:size]
        keys = (device << _METRIC_BITS) | self.by_series["metric"][:size]
        is_named = np.array([name != NOBODY for name in self.devices], np.bool_)[device]
        numbers = np.flatnonzero(is_named)
        self._series = dict(zip(keys[numbers].tolist(), numbers.tolist(), strict=True))
        self._sort()

    def _sort(self) -> None:
        keys = np.array(list(self._series), np.int64)
        order = np.argsort(keys)
        numbers = np.array(list(self._series.values()), np.int64)
        self._sorted, self._unsorted = (keys[order], numbers[order]), 0

    def _number(self, key: int) -> int:
        if key < 0:
            return -1
        number = self._series.get(key)
        if number is None:
            if len(self._series) >= self.limit:
                return -1
            number = self._series[key] = self.by_series.size
            self.by_series.grow(number + 1)
            self.by_series["device"][number] = key >> _METRIC_BITS
            self.by_series["metric"][number] = key & ((1 << _METRIC_BITS) - 1)
        return number
