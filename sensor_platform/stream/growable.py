"""Growable columns: NumPy arrays with spare room at the end, one element per number of a device, series or window."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST = 1024


class GrowableColumns:
    """Named columns of equal length. `columns[name]` is valid until the next `grow`."""

    def __init__(self, fills: Mapping[str, tuple[str, Any]]) -> None:
        """Make columns by name, each with its dtype and the fill value of elements that are not set."""
        self._fills = dict(fills)
        self.size = 0
        self.columns: dict[str, npt.NDArray[Any]] = {
            name: np.full(_FIRST, fill, dtype) for name, (dtype, fill) in fills.items()
        }

    def __getitem__(self, name: str) -> "npt.NDArray[Any]":
        return self.columns[name]

    def grow(self, size: int) -> None:
        """Make room for `size` elements; new elements have the fill value."""
        have = len(next(iter(self.columns.values())))
        if size > have:
            room = max(size, have * 2)
            for name, (dtype, fill) in self._fills.items():
                wider = np.full(room, fill, dtype)
                wider[:have] = self.columns[name]
                self.columns[name] = wider
        self.size = max(self.size, size)

    def reset(self, rows: "npt.NDArray[np.int64]") -> None:
        """Set elements to their fill values again."""
        for name, (_, fill) in self._fills.items():
            self.columns[name][rows] = fill

    def bound(self, names: Sequence[str], most: int) -> None:
        """Lower the elements of some columns that are greater than `most` to it."""
        for name in names:
            np.minimum(self.columns[name], most, out=self.columns[name])

    def dump(self) -> dict[str, bytes]:
        """The columns as bytes, for a snapshot."""
        return {name: column[: self.size].tobytes() for name, column in self.columns.items()}

    def load(self, dumped: Mapping[str, bytes]) -> None:
        """Take over a snapshot; columns that it lacks keep their fill values."""
        for name, (dtype, _) in self._fills.items():
            if name in dumped:
                values = np.frombuffer(dumped[name], dtype)
                self.grow(len(values))
                self.columns[name][: len(values)] = values
