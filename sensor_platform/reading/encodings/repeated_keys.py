"""Keys that one JSON object has twice. Readers keep the last value without a word; here the first is read.

An object writes one colon behind each key. A text that has as many as its decoded content has keys has none twice.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from sensor_platform.reading.encodings.decoders import Records

_COLON, _QUOTE, _BLANK = b'":'[1], b'"'[0], b" "[0]
_BLANKS = b" \t\r\n"
_ARRAYS = {list, Records}
_TOLD = 5
"""Keys that one refusal names."""


def no_key_twice(payloads: Sequence[bytes], keys: int, values: Iterable[Any]) -> bool:
    """Whether payloads surely have no key twice; False where each needs a look.

    Args:
        payloads: JSON texts of objects.
        keys: keys of all these objects, without those of the objects in them.
        values: what they hold.
    """
    import numpy as np

    text = b"\n".join(payloads)
    if b"\0" in text:  # as in UTF-16, whose quotes and colons are not side by side
        return False
    found = np.frombuffer(text, dtype=np.uint8)
    colons = found == _COLON
    if np.count_nonzero(colons) == keys:  # each key has a colon, so that none is left for a second one
        return True
    before = found[np.flatnonzero(colons) - 1]  # colons in texts seldom follow a quote or a blank
    written = np.count_nonzero((before == _QUOTE) | (before <= _BLANK))
    return bool(written == keys or written == keys + keys_in(values))


def writes_as_many(payload: bytes | str, keys: int) -> bool:
    """Whether a text that decodes to this many keys surely has none twice."""
    text = payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
    return text.translate(None, _BLANKS).count(b'":') == keys


def keys_in(values: Iterable[Any]) -> int:
    """The keys of all objects in decoded values, however deep."""
    count = 0
    left = list(values)
    while True:  # a level at a time: much quicker than a value at a time
        kinds = set(map(type, left))
        objects = [value for value in left if type(value) is dict] if dict in kinds else []
        arrays = [value for value in left if isinstance(value, list)] if kinds & _ARRAYS else []
        if not objects and not arrays:
            return count
        count += sum(map(len, objects))
        left = list(chain(*map(dict.values, objects), *arrays))


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
