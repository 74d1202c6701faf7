"""Closed windows as bytes for the store, and as rows for those who want rows."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.windows import Closed

NUMBERS = ("n", "sum", "m2", "min", "max", "mean", "first", "last", "first_at", "last_at", "last_received_at")
COUNTS = ("bad_n", "uncertain_n", "late_n", "revision")


def rows_of(closed: Closed, index: SeriesIndex) -> Iterator[dict[str, Any]]:
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


def encode_closed(closed: Closed, index: SeriesIndex) -> bytes:
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


def decode_closed(body: bytes) -> Iterator[dict[str, Any]]:
    """Rows of stored windows: device_id, metric, start and the columns of `Closed`; NaN where there is no number."""
    saved = msgspec.msgpack.decode(body)
    series = np.frombuffer(saved["series"], np.int64).tolist()
    columns = {name: np.frombuffer(data, dtype).tolist() for name, (dtype, data) in saved["columns"].items()}
    for row, number in enumerate(series):
        yield {
            "device_id": saved["devices"][number],
            "metric": saved["metrics"][number],
            **{name: column[row] for name, column in columns.items()},
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - a number
    return None if isinstance(value, float) and not np.isfinite(value) else value
