"""Keys of a contract that say how a message is built: blocks of samples, and numbers that are written as texts."""

from typing import Literal

import msgspec


class BlockForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Key `block`: arrays of many samples in one message."""

    form: Literal["series", "columns", "pairs", "rows"]
    """`series`: values at `step` (or `rate`) from the time of the message on; `columns`: arrays beside one of times;
    `pairs`: arrays of [time, value]; `rows`: an array of rows whose columns are named by `names`."""
    values: tuple[str, ...] = ()
    """Paths of the arrays; every array of the message if none is named. For `rows` the path of the array of rows."""
    times: str | None = None
    """For `columns`: path of the array of times; the first field of `time` unless stated."""
    step: float | str | None = None
    """For `series`: from one sample to the next, in `unit`; a number, or the path of a field that holds it."""
    rate: float | str | None = None
    """For `series`: samples per second; a number, or the path of a field that holds it."""
    unit: Literal["s", "ms", "us", "ns"] = "s"
    """Unit of `step`."""
    names: str | tuple[str, ...] = ()
    """For `rows`: names of the columns, or the path of an array that names them."""

    def __post_init__(self) -> None:
        """Check that the keys fit together.

        Raises:
            ValueError: naming the key.
        """
        if self.form == "series" and (self.step is None) == (self.rate is None):
            raise ValueError("block: form `series` needs `step` or `rate`")
        if self.form == "rows" and (len(self.values) != 1 or not self.names):
            raise ValueError("block: form `rows` needs one path in `values`, and `names` of the columns")


class NumberForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Key `numbers`: how numbers are written in texts."""

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    """Between groups of three digits; a blank stands for the narrow and the protected one, too."""
    unit: bool = True
    """Whether a word behind the number is its unit."""
    only: tuple[str, ...] = ()
    """Metrics whose texts are read so; all if none is named."""

    def __post_init__(self) -> None:
        """Check that the two marks differ.

        Raises:
            ValueError: they are the same.
        """
        if self.decimal == self.thousands:
            raise ValueError("numbers: `decimal` and `thousands` must differ")


Sentinel = float | str
Sentinels = tuple[Sentinel, ...] | dict[str, tuple[Sentinel, ...]]
