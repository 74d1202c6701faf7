"""Keys that one JSON object has twice. Readers keep the last value without a word; here the first is read.

An object writes one colon behind each key. A text that has as many as its decoded content has keys has none twice.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

_CHUNK = 1000
_COLON, _QUOTE, _BLANK = b'":'[1], b'"'[0], b" "[0]
_BLANKS = b" \t\r\n"
_TOLD = 5
"""Keys that one refusal names."""


def no_key_twice(payloads: Sequence[bytes], keys: int) -> bool:
    """Whether payloads that decode to this many keys surely have none twice; False where each needs a look.

    Args:
        payloads: JSON texts.
        keys: keys of all their objects together.
    """
    for start in range(0, len(payloads), _CHUNK):
        text = np.frombuffer(b"\n".join(payloads[start : start + _CHUNK]), dtype=np.uint8)
        if not text.all():  # a NUL, as in UTF-16, whose quotes and colons are not side by side
            return False
        before = text[:-1][text[1:] == _COLON]
        keys -= int(np.count_nonzero((before == _QUOTE) | (before <= _BLANK)))
    return keys == 0


def writes_as_many(payload: bytes | str, keys: int) -> bool:
    """Whether a text that decodes to this many keys surely has none twice."""
    text = payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
    return text.translate(None, _BLANKS).count(b'":') == keys


def keys_in(values: Iterable[Any]) -> int:
    """The keys of all objects in decoded values, however deep."""
    count = 0
    left = [value for value in values if type(value) in {dict, list} or isinstance(value, list)]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            count += len(value)
            value = value.values()
        left.extend(each for each in value if isinstance(each, dict | list))
    return count


def first_values(decode: Callable[[Callable[[list[tuple[str, Any]]], Any]], object]) -> tuple[object, str] | None:
    """The content with the first value of each key, and what is refused; None where no key has two values.

    Args:
        decode: decodes the payload with a function that makes each object from its pairs (`object_pairs_hook`).
    """
    twice: dict[str, None] = {}

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key not in found:
                found[key] = value
            elif json.dumps(found[key]) != json.dumps(value):
                twice[key] = None
        return found

    content = decode(made)
    if not twice:
        return None
    named = ", ".join(repr(key[:80]) for key in list(twice)[:_TOLD])
    more = f" and {len(twice) - _TOLD} more" if len(twice) > _TOLD else ""
    return content, f"an object has two values of one key: {named}{more}; the first of each is read"
