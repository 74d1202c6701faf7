"""Columns of cells to numbers and texts, as `reading.values` takes single values."""

from dataclasses import dataclass

import polars as pl

from sensor_platform.reading.record_plan import Lookup
from sensor_platform.reading.values import Strings


@dataclass(frozen=True, slots=True)
class Cells:
    """One column: numbers, texts and rejected cells. A cell in none of them is empty."""

    value: pl.Series
    """Float64, finite, or null."""
    text: pl.Series | None
    """Null where there is a number; None where the column holds no text at all."""
    refused: pl.Series | None
    """True for rejected cells; None if there are none."""
    reason: str = ""

    @property
    def has_reading(self) -> pl.Series:
        """Which cells hold a reading."""
        good = self.value.is_not_null()
        return good if self.text is None else good | self.text.is_not_null()


def cells_of(column: pl.Series, strings: Strings) -> Cells:
    """Read a column. Texts that are numbers are numbers, for a CSV file has only texts; `true` and `false` are 1 and 0.

    Args:
        column: of any type.
        strings: how other texts are treated.
    """
    kind = column.dtype
    if kind.is_nested():
        return Cells(_nothing(column, pl.Float64()), None, column.is_not_null(), "the value is an array or object")
    if kind.is_temporal() or kind in {pl.Categorical, pl.Enum, pl.Binary}:
        column = column.cast(pl.String, strict=False)
    if column.dtype != pl.String:
        return _finite(column.cast(pl.Float64))
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count():
        return _finite(numbers)
    booleans = pl.Series([1.0, 0.0], dtype=pl.Float64)
    folded = column.str.to_lowercase().cast(pl.Enum(["true", "false"]), strict=False).to_physical()
    numbers = numbers.zip_with(numbers.is_not_null(), booleans.gather(folded))
    other = column.is_not_null() & numbers.is_null()
    found = _finite(numbers)
    if strings == "ignore" or not other.any():
        return found
    if strings == "number":
        refused = other if found.refused is None else other | found.refused
        return Cells(found.value, None, refused, "not a finite number")
    return Cells(found.value, column.set(~other, None), found.refused, found.reason)


def texts_of(column: pl.Series) -> pl.Series:
    """Ids, units and tags as text: null where empty, integers without a point."""
    if column.dtype.is_float() and (column.is_null() | (column == column.floor())).all():
        column = column.cast(pl.Int64, strict=False)
    if column.dtype.is_nested():
        return _nothing(column, pl.String())
    texts = column.cast(pl.String, strict=False)
    is_empty = texts == ""
    return texts.set(is_empty, None) if is_empty.any() else texts


def find_text(
    frame: pl.DataFrame, columns: tuple[str, ...], lookup: Lookup, *, only_text: bool = False
) -> pl.Series | None:
    """The text that a lookup finds in each row; None if it cannot find any.

    Args:
        frame: the rows.
        columns: names of the columns that the lookup counts.
        lookup: where to look.
        only_text: skip columns of another type.
    """
    found: pl.Series | None = None
    for column in lookup.columns:
        if only_text and frame[columns[column]].dtype != pl.String:
            continue
        texts = texts_of(frame[columns[column]])
        found = texts if found is None else found.zip_with(found.is_not_null(), texts)
    constant = lookup.source.constant
    if found is None:
        return None if constant is None else pl.repeat(constant, len(frame), dtype=pl.String, eager=True)
    return found if constant is None else found.fill_null(constant)


def _finite(numbers: pl.Series) -> Cells:
    total = numbers.sum()
    if isinstance(total, float) and total - total == 0.0:
        return Cells(numbers, None, None)
    spoilt = ~numbers.is_finite() & numbers.is_not_null()
    if not spoilt.any():
        return Cells(numbers, None, None)
    return Cells(numbers.set(spoilt, None), None, spoilt, "not a finite number")


def _nothing(column: pl.Series, kind: pl.DataType) -> pl.Series:
    return pl.repeat(None, len(column), dtype=kind, eager=True).alias(column.name)
