"""Plain payloads: one value as text (`23.4`, `on`, `23.4 °C`), with everything else in the topic."""

import re
from collections.abc import Callable

from sensor_platform.reading.doubtful import doubtful
from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError
from sensor_platform.reading.encodings.scalars import scalar_of

_BOOLEANS: dict[str, object] = {"true": True, "false": False}
_WITH_UNIT = re.compile(
    r"([+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?)"
    r"(?:\s+([^\W\d_]\S{0,31}|[%\u00b0\u2030/]\S{0,31})|([%\u00b0\u2103\u2109]\S{0,31}))"
)
"""A number, and a unit that is apart from it or begins with a sign; digits behind a blank are not a unit."""


def plain_reader(numbers: object) -> Callable[[bytes], object]:
    """A function from a payload to its value.

    Args:
        numbers: key `numbers` of the contract; where it is stated, the text is kept for it.
    """
    return from_plain if numbers is None else _text


def _text(payload: bytes) -> object:
    found = from_plain(payload, is_raw=True)
    return {"value": _BOOLEANS.get(found.lower(), found)} if isinstance(found, str) else found


def from_plain(payload: bytes, *, is_raw: bool = False) -> object:
    """One value, as the field `value`; a number followed by a word has that as its `unit`.

    Raises:
        UndecodableError: it is not UTF-8 text, or it is empty.
    """
    try:
        text = payload.decode("utf-8-sig").strip().strip("\0")
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    if not text:
        raise UndecodableError("the payload is empty")
    if is_raw:
        return text
    if match := _WITH_UNIT.fullmatch(text):
        return {"value": scalar_of(match[1]), "unit": match[2] or match[3]}
    return {"value": doubtful(scalar_of(text))}


PLAIN = Encoding(lambda contract: PayloadDecoder.of(plain_reader(contract.numbers)))
