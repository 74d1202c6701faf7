"""Closed windows as bytes for the store, and as rows for those who want rows."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.windows import ClosedWindows

NUMBERS = ("n", "sum", "m2", "min", "max", "mean", "first", "last", "first_at", "last_at", "last_received_at")
COUNTS = ("bad_n", "uncertain_n", "late_n", "revision")


def rows_of(closed: ClosedWindows, index: SeriesIndex) -> Iterator[dict[str, Any]]:
    """One dictionary per window, with its device and metric. Times in microseconds; no numbers without a reading."""
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
            "last_received_at": columns["last_received_at"][row],
        }
        yield found


def encode_closed(closed: ClosedWindows, index: SeriesIndex) -> bytes:
    """Columns, with the names of the series that occur."""
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
    """Rows of stored windows: device_id, metric, start and the columns of `ClosedWindows`; NaN for no number.

    Args:
        body: as `encode_closed` made it.
        only: device and metric; all the others cost next to nothing then.
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
    """Columns of stored windows, with the numbers that their series have now; unknown ones are left out."""
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
