"""Texts that look like numbers in a notation which the contract does not state."""

import re

BLANKS = " \u00a0\u2009\u202f"
_LOOKS = re.compile(
    rf"[+-]?\d[\d.]*(?:[,'{BLANKS}\u2019][{BLANKS}]?[\d.]+)+|[+-]?\d+(?:[.,]\d+)?[{BLANKS}]?[\u00b0%\u2103][^\s\d]{{0,8}}"
)


class Doubtful(str):
    """A text that looks like a number in a notation which the contract does not state."""

    __slots__ = ()


def doubtful(value: object) -> object:
    """The value; a text that looks like a number (`22,1`, `16 829`, `85%`) as `Doubtful`."""
    if isinstance(value, str) and len(value) <= 60 and _LOOKS.fullmatch(value.strip()):
        return Doubtful(value)
    return value
