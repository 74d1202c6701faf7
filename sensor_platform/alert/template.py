"""Templates of a rule's message: what they may name, and what becomes of them. Tried when rules are read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

WORDS = frozenset({"rule", "device", "metric", "level", "value", "limit", "at", "runbook", "site", "kind"})
_TAG = "tag_"
_TAG_NAME = re.compile(_TAG + r"\w+")


@dataclass(frozen=True, slots=True)
class _Value:
    """A number that may be absent, and is then nothing in whatever format is asked for."""

    number: float | None

    def __format__(self, how: str) -> str:
        return "" if self.number is None else format(self.number, how or "g")


def render_template(template: str, words: Mapping[str, str], value: float | None, tags: Mapping[str, str]) -> str:
    """The text. `{value:.1f}` is formatted as a number; a tag that a device has not is empty.

    Args:
        template: one that `check` has passed.
        words: by name, all of WORDS but `value`.
        value: what the rule looked at.
        tags: of the device, as `{tag_NAME}`.
    """
    named = {name: tags.get(name.removeprefix(_TAG), "") for name in _fields(template) if name.startswith(_TAG)}
    return template.format_map({**named, **words, "value": _Value(value)})


def check_template(template: str) -> None:
    """Refuse a template that could fail once an alarm fires.

    Raises:
        ValueError: it names what is not there, or formats a text as a number.
    """
    if wrong := sorted(name for name in _fields(template) if name not in WORDS and not _TAG_NAME.fullmatch(name)):
        raise ValueError(f"{{{wrong[0]}}} is unknown; there are {', '.join(sorted(WORDS))} and tag_NAME")
    words = dict.fromkeys(WORDS - {"value"}, "some text")
    for value in (1.5, None):
        render_template(template, words, value, {})


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}
