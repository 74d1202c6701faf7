"""Message templates of rules. They are checked when rules are read, so that they cannot fail when an alert fires."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

WORDS = frozenset({"rule", "device", "metric", "level", "value", "limit", "at", "runbook", "site", "kind"})
_TAG = "tag_"
_MOST_WIDE = 200
"""Characters that a format may ask for."""
_TAG_NAME = re.compile(_TAG + r"\w+")


@dataclass(frozen=True, slots=True)
class _Value:
    """A number that may be absent; an absent number is empty text in every format."""

    number: float | None

    def __format__(self, how: str) -> str:
        return "" if self.number is None else format(self.number, how or "g")


def render_template(template: str, words: Mapping[str, str], value: float | None, tags: Mapping[str, str]) -> str:
    """Fill a template in. `{value:.1f}` formats the number; a tag that the device does not have is empty text.

    Args:
        template: one that `check_template` accepts.
        words: all of WORDS but `value`, by name.
        value: value of the event.
        tags: tags of the device, for `{tag_NAME}`.
    """
    named = {name: tags.get(name.removeprefix(_TAG), "") for name in _fields(template) if name.startswith(_TAG)}
    return template.format_map({**named, **words, "value": _Value(value)})


def check_template(template: str) -> None:
    """Check a template with and without a value.

    Raises:
        ValueError: it has an unknown name, formats a text as a number, or asks for too many characters.
    """
    formats = [how or "" for _, _, how, _ in Formatter().parse(template)]
    if any("{" in how or int(number) > _MOST_WIDE for how in formats for number in re.findall(r"\d+", how) or ["0"]):
        raise ValueError(f"a format has a width and digits of at most {_MOST_WIDE}, as numbers")
    if wrong := sorted(name for name in _fields(template) if name not in WORDS and not _TAG_NAME.fullmatch(name)):
        raise ValueError(f"{{{wrong[0]}}} is unknown; there are {', '.join(sorted(WORDS))} and tag_NAME")
    words = dict.fromkeys(WORDS - {"value"}, "some text")
    for value in (1.5, None):
        render_template(template, words, value, {})


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}
