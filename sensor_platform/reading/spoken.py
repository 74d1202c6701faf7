"""Texts that stand for a number by themselves: numbers as JSON writes them, and the words of two states."""

import re
from typing import Final

from sensor_platform.reading.doubtful import Doubtful, doubtful

WORDS: Final = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "online": 1.0, "offline": 0.0}
"""Words of two states, regardless of case."""
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_WITH_WORD = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s[^\W\d_][^\s\d]{0,7}")
_LONGEST = 60


def number_of(text: str) -> tuple[float, str | None] | None:
    """The number that a text stands for, and the text where it says more than the number; None if it is a text."""
    stripped = text.strip()
    if (word := WORDS.get(stripped.lower())) is not None:
        return word, text
    if len(stripped) > _LONGEST or not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return number, None if stripped in {repr(number), repr(number).removesuffix(".0")} else text


def without_doubt(value: object) -> object:
    """The value; a text that looks like a number in another notation, or with a unit, as `Doubtful`."""
    found = doubtful(value)
    if type(found) is str and len(found) <= _LONGEST and _WITH_WORD.fullmatch(found.strip()):
        return Doubtful(found)
    return found
