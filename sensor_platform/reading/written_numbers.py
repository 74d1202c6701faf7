"""Numbers that are written as texts, in the form that a contract states."""

import re
from functools import lru_cache

from sensor_platform.reading.doubtful import BLANKS
from sensor_platform.reading.forms import NumberForm, Sentinels

_UNIT = r"(?:\s*([^\W\d_][^\s\d]{0,31}|[%\u00b0\u2103\u2109\u2030][^\s\d]{0,31}))?"


def read_number(text: str, form: NumberForm) -> tuple[float, str | None] | None:
    """Number and unit of a text; None where it is not a number of this form."""
    match = _pattern(form).fullmatch(text.strip())
    if match is None:
        return None
    sign, whole, fraction, exponent, unit = match.groups()
    digits = re.sub(r"\D", "", whole)
    return float(f"{sign}{digits}.{fraction or 0}{exponent or ''}"), unit


@lru_cache(maxsize=100)
def _pattern(form: NumberForm) -> "re.Pattern[str]":
    mark = {"": "", " ": f"[{BLANKS}]", "'": "['\u2019]"}.get(form.thousands, re.escape(form.thousands))
    groups = rf"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|" if mark else ""
    unit = _UNIT if form.unit else "()"
    return re.compile(
        rf"([+-]?)({groups}[0-9]{{1,300}})(?:{re.escape(form.decimal)}([0-9]{{1,300}}))?([eE][+-]?[0-9]{{1,4}})?{unit}"
    )


def is_sentinel(value: object, metric: str, sentinels: Sentinels) -> bool:
    """Whether a value stands for `no value` in a metric."""
    is_table = isinstance(sentinels, dict)
    wanted = (*sentinels.get(metric, ()), *sentinels.get("*", ())) if is_table else sentinels  # type: ignore[union-attr]
    return any(_is_same(value, one) for one in wanted)


def _is_same(value: object, sentinel: float | str) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, str):
        return value.strip().lower() == str(sentinel).strip().lower() or (
            not isinstance(sentinel, str) and _float(value) == sentinel
        )
    return isinstance(value, int | float) and value == (_float(sentinel) if isinstance(sentinel, str) else sentinel)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
