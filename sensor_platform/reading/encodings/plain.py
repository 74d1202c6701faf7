"""Plain payloads: one value as text (`23.4`, `on`, `23.4 °C`), with everything else in the topic."""

import re

from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError
from sensor_platform.reading.encodings.scalars import scalar_of

_WITH_UNIT = re.compile(r"([+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,4})?)\s+(\S{1,32})")


def from_plain(payload: bytes) -> object:
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
    if match := _WITH_UNIT.fullmatch(text):
        return {"value": scalar_of(match[1]), "unit": match[2]}
    return {"value": scalar_of(text)}


PLAIN = Encoding(lambda _: PayloadDecoder.of(from_plain))
