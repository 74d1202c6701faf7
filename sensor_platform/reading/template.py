"""Templates of names: `{topic:1}/{model}` joins a level of the topic and a field, `{topic:1..-2}` is several levels."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

_PART = re.compile(r"\{([^{}|]+)(?:\|([^{}|]*))?\}")
Kind = Literal["field", "topic", "property", "key"]


@dataclass(frozen=True, slots=True)
class TemplatePart:
    """One part in braces, with the texts around it."""

    kind: Kind
    name: str
    """Payload path, or name of the property."""
    level: int
    """Level of the topic; the first of several."""
    last: int
    """The last of several levels, which keep their slashes; otherwise the same."""
    default: str | None
    before: str
    """Literal text between the part before and this one."""
    after: str
    """Literal text up to the next part, or to the end."""
    is_last: bool

    def quoted(self, value: str) -> str:
        """The value, with what follows the part escaped in it: so two different lists of values never give one name."""
        if self.is_last:
            return value
        for character in ("%", *sorted(set(self.after) - {"%"})):
            value = value.replace(character, f"%{ord(character):02X}")
        return value


@cache
def parse_template(text: str, *, is_name: bool = True) -> tuple[TemplatePart, ...]:
    """The parts of a template.

    Args:
        text: the template.
        is_name: whether it makes a name, in which no two parts may touch.

    Raises:
        ValueError: it has no part, or is malformed.
    """
    found = list(_PART.finditer(text))
    literals = [
        text[a:b] for a, b in zip([0, *(m.end() for m in found)], [*(m.start() for m in found), len(text)], strict=True)
    ]
    if not found or any("{" in literal or "}" in literal for literal in literals):
        raise ValueError(f"template: {text!r} has no part in braces like {{model}} or {{topic:1}}, or is malformed")
    if is_name and "" in literals[1:-1]:
        raise ValueError(f"template: {text!r} needs a character, for instance a slash, between its parts")
    return tuple(
        _part(match, literals[number], literals[number + 1], is_last=number == len(found) - 1)
        for number, match in enumerate(found)
    )


def _part(match: "re.Match[str]", before: str, after: str, *, is_last: bool) -> TemplatePart:
    name, default = match[1], match[2]
    head, colon, rest = name.partition(":")
    if head == "topic" and colon:
        if not (levels := re.fullmatch(r"(-?\d{1,3})(?:\.\.(-?\d{1,3}))?", rest)):
            raise ValueError(
                f"template: {name!r} must name a level by its number, like topic:1, or several: topic:1..-2"
            )
        return TemplatePart("topic", name, int(levels[1]), int(levels[2] or levels[1]), default, before, after, is_last)
    if head == "property" and rest:
        return TemplatePart("property", rest, 0, 0, default, before, after, is_last)
    if name == "key":
        return TemplatePart("key", name, 0, 0, default, before, after, is_last)
    return TemplatePart("field", name, 0, 0, default, before, after, is_last)
