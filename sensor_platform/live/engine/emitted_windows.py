"""Closed windows in the live store: encoded as columns, decoded as rows or columns, and read back."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from sensor_platform.alert import store
from sensor_platform.alert.live_queries import closed_windows
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.stream.series import NEVER, SeriesIndex
from sensor_platform.stream.windows import ClosedWindows

NUMBERS = ("n", "sum", "m2", "min", "max", "mean", "first", "last", "first_at", "last_at", "last_received_at")
COUNTS = ("bad_n", "uncertain_n", "late_n", "revision")


@dataclass(frozen=True, slots=True)
class EmittedWindows:
    """Reads windows that were emitted lately. May be used by any thread."""

    path: Path
    """File of the live store."""
    clock: Callable[[], int]
    """Microseconds since the epoch."""

    def newest(self, spec: str, micros: int) -> list[bytes]:
        """Return the encoded windows of a spec that were emitted in the last microseconds, oldest first."""
        with closing(store.connect(self.path)) as connection:
            now = self.clock()
            return closed_windows(connection, spec, now - micros, now + MINUTE)

    def of_series(self, device: str, metric: str, spec: str, minutes: float) -> list[dict[str, Any]]:
        """Return the windows of one series that were emitted in the last minutes, oldest first.

        Each window is in it once, in its newest revision; a missing number is None.
        """
        found: dict[int, dict[str, Any]] = {}
        for body in self.newest(spec, int(minutes * 60e6)):
            for row in decode_closed(body, (device, metric)):
                found[row["start"]] = {key: _known(value if value == value else None) for key, value in row.items()}
        return [found[start] for start in sorted(found)]


def rows_of(closed: ClosedWindows, index: SeriesIndex) -> Iterator[dict[str, Any]]:
    """Yield one dictionary per window, with its device and metric.

    Times are microseconds since the epoch. A window without readings has None for its numbers.
    """
    columns = {name: column.tolist() for name, column in closed.columns.items()}
    for row, series in enumerate(columns["series"]):
        found: dict[str, Any] = {
            "device_id": index.device(series),
            "metric": index.metric(series),
            "window_start": columns["start"][row],
            "window_end": columns["start"][row] + closed.spec.size,
        }
        is_empty = columns["n"][row] == 0
        found |= {name: None if is_empty else _plain(columns[name][row]) for name in NUMBERS}
        found |= {name: columns[name][row] for name in COUNTS} | {
            "n": columns["n"][row],
            "last_received_at": _known(columns["last_received_at"][row]),
        }
        yield found


def _known(value: Any) -> Any:  # noqa: ANN401 - a number, a text or None
    """The value, None for a time that nobody knows."""
    return None if value == NEVER else value


def encode_closed(closed: ClosedWindows, index: SeriesIndex) -> bytes:
    """Encode the columns, with the names of the series that occur."""
    series = closed.columns["series"]
    used, number = np.unique(series, return_inverse=True)
    return msgspec.msgpack.encode(
        {
            "size": closed.spec.size,
            "devices": [index.device(each) for each in used.tolist()],
            "metrics": [index.metric(each) for each in used.tolist()],
            "series": number.astype(np.int64).tobytes(),
            "columns": {
                name: [column.dtype.str, column.tobytes()]
                for name, column in closed.columns.items()
                if name != "series"
            },
        }
    )


def decode_closed(body: bytes, only: tuple[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Decode rows of stored windows: device_id, metric, start and the columns of `ClosedWindows`; NaN for no number.

    Args:
        body: made by `encode_closed`.
        only: the one device and metric to decode; the others are skipped cheaply.
    """
    saved = msgspec.msgpack.decode(body)
    names = list(zip(saved["devices"], saved["metrics"], strict=True))
    series = np.frombuffer(saved["series"], np.int64)
    rows = np.arange(len(series))
    if only is not None:
        rows = np.flatnonzero(series == names.index(only)) if only in names else rows[:0]
    columns = {name: np.frombuffer(data, dtype)[rows].tolist() for name, (dtype, data) in saved["columns"].items()}
    for row, number in enumerate(series[rows].tolist()):
        device, metric = names[number]
        yield {"device_id": device, "metric": metric, **{name: column[row] for name, column in columns.items()}}


def columns_of(body: bytes, index: SeriesIndex) -> dict[str, npt.NDArray[Any]]:
    """Decode columns of stored windows, with the present numbers of their series; unknown series are left out."""
    saved = msgspec.msgpack.decode(body)
    names = zip(saved["devices"], saved["metrics"], strict=True)
    numbers = np.array([-1 if (found := index.find(*pair)) is None else found for pair in names], np.int64)
    series = numbers[np.frombuffer(saved["series"], np.int64)]
    columns = {name: np.frombuffer(data, dtype) for name, (dtype, data) in saved["columns"].items()} | {
        "series": series
    }
    return {name: column[series >= 0] for name, column in columns.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - a number
    return None if isinstance(value, float) and not np.isfinite(value) else value
