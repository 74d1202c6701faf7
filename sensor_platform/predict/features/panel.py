"""All series of one metric as flat arrays, gaps filled with NaN, so that a lag is a step back in the array.

Each stretch of a series (a gap longer than the reach starts a new one) is preceded by `reach` empty elements: a
lag or a horizon of up to `reach` steps never reaches another series, and years without readings cost no memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.clock import HOUR
from sensor_platform.predict.features.grid import Grid

if TYPE_CHECKING:
    import polars as pl

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """Arrays of one length; `columns["value"]` is the metric itself, NaN where nothing was measured."""

    grid: Grid
    devices: tuple[str, ...]
    device: npt.NDArray[np.int32]
    """Number of the device in `devices`."""
    step: Ints
    """Steps since the epoch."""
    columns: Mapping[str, Floats]
    """Feature columns by name (`features.NUMBERS` of this grid)."""

    @property
    def value(self) -> Floats:
        """The metric in its own unit."""
        return self.columns["value"]

    @cached_property
    def rows(self) -> Ints:
        """Elements that hold a value: the feature rows."""
        return np.flatnonzero(np.isfinite(self.value))

    def lag(self, index: Ints, steps: int) -> Floats:
        """Value `steps` before each element of `index`."""
        return self.value[index - steps]

    def actual(self, index: Ints, horizon: int) -> Floats:
        """Value `horizon` steps after; NaN where it is not known."""
        ahead = index + horizon
        inside = ahead < len(self.value)
        return np.where(inside, self.value[np.minimum(ahead, len(self.value) - 1)], np.nan)

    @cached_property
    def network(self) -> tuple[int, Floats]:
        """First step, and the mean over all devices at each step from there; NaN where no device has a value."""
        if not len(self.rows):
            return 0, np.empty(0)
        step = self.step[self.rows]
        first = int(step.min())
        mean = np.full(int(step.max()) - first + 1, np.nan)
        # as the rows have it: the panel may hold a part of the devices only
        mean[step - first] = self.columns["network_mean"][self.rows]
        return first, mean

    def network_at(self, steps: Ints) -> Floats:
        """Network mean at these steps since the epoch."""
        first, mean = self.network
        at = steps - first
        inside = (at >= 0) & (at < len(mean))
        if not len(mean):
            return np.full(len(steps), np.nan)
        return np.where(inside, mean[np.clip(at, 0, len(mean) - 1)], np.nan)

    @cached_property
    def _sorted_keys(self) -> tuple[Ints, Ints]:
        keys = self.device[self.rows].astype(np.int64) << 40 | self.step[self.rows]
        order = np.argsort(keys, kind="stable")
        return keys[order], self.rows[order]

    def locate(self, devices: tuple[str, ...], device: npt.NDArray[np.int32], step: Ints) -> Ints:
        """Elements with these devices (numbered as in `devices`) and steps; -1 where there is no value."""
        numbers = {name: number for number, name in enumerate(self.devices)}
        own = np.array([numbers.get(name, -1) for name in devices], dtype=np.int64)[device]
        keys, elements = self._sorted_keys
        wanted = own << 40 | step
        if not len(keys):
            return np.full(len(step), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[place] == wanted) & (own >= 0), elements[place], -1)


@dataclass(frozen=True, slots=True)
class PanelLayout:
    """Places of the rows of sorted series in the flat arrays."""

    position: Ints
    """Element of each row."""
    length: int
    device: npt.NDArray[np.int32]
    """Number of the device, per element."""
    step: Ints


def lay_out(device: npt.NDArray[np.int32], step: Ints, reach: int) -> PanelLayout:
    """Places for rows sorted by device and step, with `reach` empty elements before each stretch and one after it."""
    if not len(step):
        return PanelLayout(np.empty(0, np.int64), 0, np.empty(0, np.int32), np.empty(0, np.int64))
    apart = np.zeros(len(step), dtype=np.int64)
    np.subtract(step[1:], step[:-1], out=apart[1:])
    begins = apart > reach
    begins[1:] |= device[1:] != device[:-1]
    begins[0] = True
    position = np.cumsum(np.where(begins, reach + 1, apart)) - 1
    position -= position[0] - reach
    length = int(position[-1]) + 1
    starts = np.flatnonzero(begins)
    edges = np.append(position[starts] - reach, length)
    runs = np.diff(edges)
    flat = np.repeat(step[starts] - position[starts], runs)
    flat += np.arange(length, dtype=np.int64)
    return PanelLayout(position, length, np.repeat(device[starts], runs), flat)


def network_of(step: Ints, value: Floats) -> tuple[int, Floats]:
    """First step, and the mean of the values at each step from there; NaN where there is none."""
    if not len(step):
        return 0, np.empty(0)
    first = int(step.min())
    since = step - first
    count = np.bincount(since)
    total = np.bincount(since, weights=value)
    with np.errstate(invalid="ignore"):
        return first, total / count


def scattered(layout: PanelLayout, values: Floats) -> Floats:
    """`values` of the rows at their places, NaN elsewhere."""
    flat = np.full(layout.length, np.nan)
    flat[layout.position] = values
    return flat


def in_order(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The rows sorted by device and time; rows that are sorted already are not sorted again."""
    import polars as pl

    device, time = pl.col("device_id"), pl.col("window_start")
    later = (device > device.shift()) | ((device == device.shift()) & (time >= time.shift()))
    is_sorted = frame.lazy().select(later.fill_null(value=True).all()).collect().item()
    return frame if is_sorted else frame.sort("device_id", "window_start")


def coded(frame: "pl.DataFrame", grid: Grid) -> tuple[tuple[str, ...], npt.NDArray[np.int32], Ints]:
    """Devices, and per row (sorted by device and time) the number of its device and its step since the epoch.

    Raises:
        ValueError: a time lies between two steps, or a device has two rows at one.
    """
    names = frame["device_id"]
    device = names.rle_id().to_numpy().astype(np.int32)
    devices = tuple(names.rle().struct.field("value"))
    micros = frame["window_start"].dt.epoch("us").to_numpy()
    step = micros // grid.step_us
    if (step * grid.step_us != micros).any():
        raise ValueError(f"window_start is not a whole {'hour' if grid.step_us == HOUR else 'step'}")
    if ((step[1:] == step[:-1]) & (device[1:] == device[:-1])).any():
        raise ValueError("two rows share device, metric and hour")
    return devices, device, step.astype(np.int64, copy=False)
