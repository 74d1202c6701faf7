"""Units of measurement, by pint: converts values from one unit to another.

A unit is text from outside: only short expressions of letters and single-digit exponents are given to the parser.
In pint an angle is a plain number (1 rad = 1). For a frequency that is wrong: one revolution is 1 (60 rpm = 1 Hz).
"""

import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from tokenize import TokenError
from typing import Any

_SAFE = re.compile(r"(?:[^\W\d]|[°%/·*\s.()^²³⁻¹-]|(?<=[^\W\d^*-])\d(?!\d)|(?<=[\^*-])\d(?!\d))+")
_TOWER = re.compile(r"\d\s*(?:\*\*|\^)")
_POWER = re.compile(r"([^\W\d]+)([23])(?![\w])")
_TEMPERATURES = {
    "c": "degC", "°c": "degC", "degc": "degC", "celsius": "degC", "f": "degF", "°f": "degF", "degf": "degF",
    "fahrenheit": "degF", "k": "kelvin", "°k": "kelvin", "kelvin": "kelvin",
}  # fmt: skip
"""What people write for temperatures; in physics C and F are charge and capacitance."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`value * gain + offset`."""

    gain: float
    offset: float


def is_same(unit: str, other: str) -> bool:
    """Whether two texts name the same unit."""
    found = conversion(unit, other)
    return unit == other or (found is not None and found == Conversion(1.0, 0.0))


@lru_cache(maxsize=10_000)
def conversion(unit: str, to: str) -> Conversion | None:
    """How to convert values of one unit to another; None where a unit is not known or the conversion not linear."""
    if unit == to:
        return Conversion(1.0, 0.0)
    pairs = [(unit, to)]
    if (hot := _TEMPERATURES.get(unit.strip().lower())) and (cold := _TEMPERATURES.get(to.strip().lower())):
        pairs.insert(0, (hot, cold))
    return next((found for pair in pairs if (found := _by_pint(*pair)) is not None), None)


def is_unit(text: str) -> bool:
    """Whether a text names a unit that is known."""
    return text.strip().lower() in _TEMPERATURES or _parsed(text) is not None


def _by_pint(unit: str, to: str) -> Conversion | None:
    first, last = _parsed(unit), _parsed(to)
    if first is None or last is None:
        return None
    try:
        turns = _turns(first, last)
        zero, one, ten = (
            float(_registry().Quantity(value, first).to(last).magnitude) * turns for value in (0.0, 1.0, 10.0)
        )
    except _refusals():
        return None
    if not all(map(math.isfinite, (zero, one, ten))):
        return None
    # through 0 and 10 where an offset would cost digits of the gain
    gain = one - zero if zero == 0.0 else (ten - zero) / 10.0
    is_linear = all(math.isclose(zero + x * gain, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in ((1.0, one), (10.0, ten)))
    return Conversion(_rounded(gain), _rounded(zero)) if is_linear and gain else None


def _turns(unit: Any, to: Any) -> float:  # noqa: ANN401 - pint's units
    """What pint's conversion must be multiplied by because of angles.

    Raises:
        ValueError: one unit has an angle that the other lacks, and they are not both rates of rotation or frequency.
    """
    angles, angles_to = _angles(unit), _angles(to)
    if angles == angles_to:
        return 1.0
    rate = _registry().hertz.dimensionality
    if unit.dimensionality != rate or to.dimensionality != rate or {angles, angles_to} != {0, 1}:
        raise ValueError("an angle is not a plain number")
    return float((2 * math.pi) ** (angles_to - angles))


def _angles(unit: Any) -> float:  # noqa: ANN401
    """The exponent of the radian in a unit."""
    _, root = _registry().get_root_units(unit, check_nonmult=False)
    return float(dict(_registry().Quantity(1, root).unit_items()).get("radian", 0))


def _parsed(text: str) -> Any:  # noqa: ANN401 - pint's unit
    text = text.strip()
    if not 0 < len(text) <= 40 or not _SAFE.fullmatch(text) or _TOWER.search(text):
        return None
    try:
        return _registry().parse_units(_POWER.sub(r"\1**\2", text).replace("%", "percent"))
    except _refusals():
        return None


def _rounded(number: float) -> float:
    """The number with 12 digits, which removes the noise of binary fractions."""
    return float(f"{number:.12g}")


@cache
def _refusals() -> tuple[type[Exception], ...]:
    """Exceptions that pint and its tokenizer raise for text that is not a unit."""
    import pint

    return (
        pint.PintError,
        TokenError,
        ArithmeticError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        SyntaxError,
    )


@cache
def _registry() -> Any:  # noqa: ANN401 - pint's registry, which takes half a second to make
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
