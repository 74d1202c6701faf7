"""MessagePack and CBOR. What JSON lacks (bytes, times, decimals, other keys) becomes text or a number."""

import math
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any

import cbor2
import msgspec

from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError
from sensor_platform.reading.values import text_of

_DEPTH = 400
_SHARED = (25, 28, 29, 256)
"""CBOR tags by which a few bytes can stand for a structure of any size; only attackers send them."""
_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, cbor2.CBORError)


class _SharedError(ValueError):
    """A data item has one of the tags `_SHARED`."""


def from_msgpack(payload: bytes) -> object:
    """Decode one MessagePack object.

    Raises:
        UndecodableError: it is not MessagePack, or nested too deeply.
    """
    _check(payload)
    try:
        return _plain(msgspec.msgpack.decode(payload, ext_hook=_extension))
    except RecursionError:
        raise UndecodableError("not MessagePack that we read: nested too deeply") from None
    except (msgspec.MsgspecError, *_ERRORS) as error:
        raise UndecodableError(f"not MessagePack: {_first_line(error)}") from None


def from_cbor(payload: bytes) -> object:
    """Decode one CBOR data item.

    Raises:
        UndecodableError: it is not CBOR, is nested too deeply, or shares parts of itself.
    """
    _check(payload)
    stream = BytesIO(payload)
    try:
        decoder = cbor2.CBORDecoder(
            stream,
            max_depth=_DEPTH,
            read_size=1,
            semantic_decoders=dict.fromkeys(_SHARED, _refuse_shared),
            allow_duplicate_keys=False,
        )
        content = _plain(decoder.decode())
    except RecursionError:
        raise UndecodableError("not CBOR that we read: nested too deeply") from None
    except _ERRORS as error:
        if isinstance(error.__cause__, _SharedError):  # cbor2 puts its own error before the one of a semantic decoder
            raise UndecodableError(f"not CBOR that we read: {error.__cause__}") from None
        raise UndecodableError(f"not CBOR: {_first_line(error)}") from None
    if rest := len(payload) - stream.tell():
        raise UndecodableError(f"not CBOR: {rest} bytes follow the data item")
    return content


def _check(payload: bytes) -> None:
    if not payload:
        raise UndecodableError("the payload is empty")


def _refuse_shared(_value: object, _is_immutable: bool) -> object:  # noqa: FBT001 - the decoder's signature
    raise _SharedError("it shares parts of itself")


def _extension(_: int, data: memoryview) -> bytes:
    return bytes(data)


def _plain(value: Any) -> object:  # noqa: ANN401 - whatever a decoder makes
    """The value as JSON types. Raises RecursionError if it is nested too deeply."""
    kind = type(value)
    if kind is dict:
        return _object(value)
    if kind is list:
        return list(map(_plain, value))
    if kind in {str, int, float, bool} or value is None:
        return value
    return _other(value)


def _other(value: Any) -> object:  # noqa: ANN401
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list | tuple | set | frozenset):
        return list(map(_plain, value))
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | Fraction):
        return _number(value)
    if value is cbor2.undefined:
        return None
    if isinstance(value, cbor2.CBORTag):
        return _plain(value.value)
    return str(value)


def _object(value: Any) -> dict[str, object]:  # noqa: ANN401
    found = {_key(key): _plain(item) for key, item in value.items()}
    if len(found) < len(value):
        raise ValueError("a map has two keys of one text")
    return found


def _number(value: Decimal | Fraction) -> float:
    try:
        return float(value)
    except (OverflowError, ValueError):
        return math.nan


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return _text(key)
    return text_of(key) or str(key)[:300]


def _text(data: bytes) -> str:
    """The bytes as text if they are UTF-8, else as hexadecimal digits."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


MSGPACK = Encoding(lambda _: PayloadDecoder.of(from_msgpack))
CBOR = Encoding(lambda _: PayloadDecoder.of(from_cbor))
