"""What is taken off a payload before it is decoded: compression, and a character set other than UTF-8."""

import codecs
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

from sensor_platform.reading.encodings.decoders import MessageDecoder, PayloadDecoder, UndecodableError

Compression = Literal["none", "gzip", "zlib", "deflate"]
_WINDOW: Final = {"gzip": 31, "zlib": 15, "deflate": -15}
MAX_BYTES = 64 * 1024 * 1024
"""Most bytes that a payload may become, so that a few of them cannot fill the memory."""
Prepare = Callable[[bytes], bytes]


def charset_error(name: str) -> str | None:
    """What is wrong with the name of a character set, or None."""
    try:
        "x".encode(name)
    except (LookupError, ValueError, TypeError):
        return f"{name!r} is not a character set of texts"
    return None


def unwrapped(
    decoder: PayloadDecoder | MessageDecoder, compression: Compression, charset: str
) -> PayloadDecoder | MessageDecoder:
    """The decoder for payloads that are compressed, or in another character set."""
    steps: list[Prepare] = []
    if compression != "none":
        steps.append(lambda payload: inflated(payload, compression))
    if codecs.lookup(charset).name != "utf-8":
        steps.append(lambda payload: _in_utf8(payload, charset))
    if not steps:
        return decoder

    def prepare(payload: bytes) -> bytes:
        for step in steps:
            payload = step(payload)
        return payload

    if isinstance(decoder, MessageDecoder):
        decode = decoder.decode
        return MessageDecoder(lambda topic, payload, memory: decode(topic, prepare(payload), memory))
    quick, careful, literals = decoder.quick, decoder.careful, decoder.literals
    repeats = decoder.repeats
    found: Any = None if literals is None else lambda payload: literals(prepare(payload))
    twice: Any = None if repeats is None else lambda payload, keys: repeats(prepare(payload), keys)
    return replace(
        decoder,
        quick=lambda payload: quick(prepare(payload)),
        careful=lambda payload: careful(prepare(payload)),
        literals=found,
        repeats=twice,
        no_key_twice=None,
    )


def inflated(payload: bytes, compression: Compression) -> bytes:
    """The content of a compressed payload.

    Raises:
        UndecodableError: it is not compressed like this, is cut off, or becomes too large.
    """
    parts, left, size = [], payload, 0
    while left:
        unpack = zlib.decompressobj(_WINDOW[compression])
        try:
            part = unpack.decompress(left, MAX_BYTES - size + 1)
        except zlib.error as error:
            raise UndecodableError(f"not {compression}: {error}") from None
        size += len(part)
        if size > MAX_BYTES:
            raise UndecodableError(f"not {compression} that we read: it holds more than {MAX_BYTES} bytes")
        if not unpack.eof:
            raise UndecodableError(f"not {compression}: it is cut off")
        parts.append(part)
        left = unpack.unused_data.lstrip(b"\0")  # some writers fill the last block
    return b"".join(parts)


def _in_utf8(payload: bytes, charset: str) -> bytes:
    try:
        return payload.decode(charset).encode()
    except (UnicodeError, ValueError) as error:
        raise UndecodableError(f"not {charset} text: {error}") from None
