"""What a single decoded value is as a number, as text, or as neither; and the same for a whole column at once."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from sensor_platform.reading.value_kinds import KIND_OF, ValueKind

Strings = Literal["text", "number", "ignore"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value is none: a rule and a reason."""

    rule: str
    reason: str


@dataclass(slots=True)
class Column:
    """A column sorted into numbers, texts and refusals, each with the row that it comes from. Nulls are in none."""

    number_rows: Sequence[int]
    numbers: "array[float]"
    number_kinds: int | list[int] = 0
    """`drift.Kind` of all numbers, or of each."""
    text_rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    refused: list[tuple[int, Refusal]] = field(default_factory=list)


def value_of(value: object, strings: Strings = "text") -> float | str | Refusal | None:
    """A finite number (booleans are 0 and 1), a text, a refusal, or None where there is no value."""
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return _number(value)
    if isinstance(value, str):
        return _from_text(value, strings)
    kind = "an array" if isinstance(value, list) else "an object"
    return Refusal("nested_value", f"the value is {kind}")


def column_of(values: Sequence[object], strings: Strings = "text") -> Column:
    """`value_of` of every row. Where all are finite numbers, which is nearly always, C does the work."""
    try:
        numbers = array("d", cast("Sequence[float]", values))  # raises TypeError for what is no number
        if math.isfinite(sum(numbers)):
            return Column(range(len(values)), numbers, kinds_of(values))
    except (TypeError, OverflowError):
        pass
    rows: list[int] = []
    kinds: list[int] = []
    column = Column(rows, array("d"), kinds)
    for row, raw in enumerate(values):
        value = value_of(raw, strings)
        if isinstance(value, float):
            rows.append(row)
            kinds.append(KIND_OF.get(type(raw), ValueKind.FLOAT))
            column.numbers.append(value)
        elif isinstance(value, str):
            column.text_rows.append(row)
            column.texts.append(value)
        elif value is not None:
            column.refused.append((row, value))
    return column


def kinds_of(values: Sequence[object]) -> int | list[int]:
    """`drift.Kind` of all values where it is one, else of each."""
    types = set(map(type, values))
    if len(types) == 1:
        return KIND_OF.get(types.pop(), ValueKind.FLOAT)
    return [KIND_OF.get(type(value), ValueKind.FLOAT) for value in values]


def text_of(value: object) -> str | None:
    """An id, unit or tag as text: integers without a point, booleans as in JSON; None where there is nothing usable."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return None


def _number(value: float) -> float | Refusal:
    try:
        number = float(value)
    except OverflowError:
        return Refusal("not_a_number", "the number is too large for a double")
    return number if math.isfinite(number) else Refusal("not_a_number", f"the value is {number}")


def _from_text(text: str, strings: Strings) -> float | str | Refusal | None:
    if strings == "text":
        return text
    if strings == "ignore":
        return None
    try:
        return _number(float(text))
    except ValueError:
        return Refusal("not_a_number", f"{text[:60]!r} is not a number")
