"""Converts decoded values to numbers or texts, one by one and whole columns at once."""

import math
from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal, cast

from sensor_platform.reading.doubtful import Doubtful
from sensor_platform.reading.value_kinds import KIND_OF, ValueKind

EXACT = 2.0**53
"""Up to this size every integer is a double."""
_LARGEST = 2.0**63
"""JSON numbers of this size are decoded to doubles even if they are written as integers."""
Strings = Literal["text", "auto", "number", "ignore"]


@dataclass(frozen=True, slots=True)
class RejectReason:
    """Why a value is rejected: a rule and a reason."""

    rule: str
    reason: str


@dataclass(slots=True)
class Column:
    """A column sorted into numbers, texts and rejects, each with its row. Nulls are in none of them."""

    number_rows: Sequence[int]
    numbers: "array[float]"
    number_kinds: int | list[int] = 0
    """`ValueKind` of all numbers, or of each."""
    large: dict[int, int | float] = field(default_factory=dict)
    """Row to number as it was decoded, where the double in `numbers` may have other digits."""
    text_rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    refused: list[tuple[int, RejectReason]] = field(default_factory=list)

    def without(self, rows: AbstractSet[int]) -> None:
        """Remove the numbers of some rows."""
        if not rows:
            return
        kept = [place for place, row in enumerate(self.number_rows) if row not in rows]
        kinds = self.number_kinds
        self.number_kinds = kinds if isinstance(kinds, int) else [kinds[place] for place in kept]
        self.numbers = array("d", [self.numbers[place] for place in kept])
        self.number_rows = [self.number_rows[place] for place in kept]


def value_of(value: object, strings: Strings = "text") -> float | str | RejectReason | None:
    """A finite number (booleans are 0 and 1), a text, the reason of a reject, or None for null."""
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return _number(value)
    if isinstance(value, str):
        if type(value) is Doubtful and strings != "ignore":
            return RejectReason("not_a_number", f"{value!r} looks like a number in a notation that is not stated")
        return _from_text(value, strings)
    kind = "an array" if isinstance(value, list) else "an object"
    return RejectReason("nested_value", f"the value is {kind}")


def column_of(values: Sequence[object], strings: Strings = "text") -> Column:
    """`value_of` of every row. If all are finite numbers, as nearly always, it takes one pass in C."""
    try:
        numbers = array("d", cast("Sequence[float]", values))  # raises TypeError for everything that is not a number
        if math.hypot(*numbers) < EXACT:
            return Column(range(len(values)), numbers, kinds_of(values))
    except (TypeError, OverflowError):
        pass
    rows: list[int] = []
    kinds: list[int] = []
    column = Column(rows, array("d"), kinds)
    for row, raw in enumerate(values):
        value = value_of(raw, strings)
        if isinstance(value, float):
            if not -EXACT < value < EXACT and is_rounded(raw):
                column.large[row] = raw  # type: ignore[assignment] # a number, as its type says
            rows.append(row)
            kinds.append(KIND_OF.get(type(raw), ValueKind.FLOAT))
            column.numbers.append(value)
        elif isinstance(value, str):
            column.text_rows.append(row)
            column.texts.append(value)
        elif value is not None:
            column.refused.append((row, value))
    return column


def is_rounded(raw: object) -> bool:
    """Whether a number, as it was decoded, may have other digits as a double, or as it was written."""
    if type(raw) is int:
        return int(float(raw)) != raw
    return type(raw) is float and not -_LARGEST < raw < _LARGEST


def kinds_of(values: Sequence[object]) -> int | list[int]:
    """`ValueKind` of all values if they have the same, else of each."""
    types = set(map(type, values))
    if len(types) == 1:
        return KIND_OF.get(types.pop(), ValueKind.FLOAT)
    return [KIND_OF.get(type(value), ValueKind.FLOAT) for value in values]


def text_of(value: object) -> str | None:
    """An id, unit or tag as text: integers without a point, booleans as in JSON; None for everything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return None


def _number(value: float) -> float | RejectReason:
    try:
        number = float(value)
    except OverflowError:
        return RejectReason("not_a_number", "the number is too large for a double")
    return number if math.isfinite(number) else RejectReason("not_a_number", f"the value is {number}")


def _from_text(text: str, strings: Strings) -> float | str | RejectReason | None:
    if strings in {"text", "auto"}:  # what stands for a number under `auto` was taken before
        return text
    if strings == "ignore":
        return None
    try:
        number = float(text if text.isascii() and "_" not in text else "x")
    except ValueError:
        return RejectReason("not_a_number", f"{text[:60]!r} is not a number")
    return _number(number)
