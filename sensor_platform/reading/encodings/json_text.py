"""JSON, and JSON wrapped in a JSON string."""

import json

import orjson

from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError


def from_json(payload: bytes | str) -> object:
    """Decode one JSON document in UTF-8. NaN and Infinity are floats: they invalidate one reading, not the message.

    Raises:
        UndecodableError: it is not JSON.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return _tolerant_json(payload, str(error))


def _tolerant_json(payload: bytes | str, reason: str) -> object:
    if not payload:
        raise UndecodableError("the payload is empty")
    try:
        text = payload.decode("utf-8-sig") if isinstance(payload, bytes) else payload
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    try:
        content: object = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode()  # lone surrogates cannot be stored as text anywhere
    except UnicodeEncodeError:
        raise UndecodableError("not JSON: a lone surrogate in a string") from None
    except RecursionError:
        raise UndecodableError("not JSON that we read: nested too deeply") from None
    except ValueError:
        raise UndecodableError(f"not JSON: {reason}") from None
    return content


def from_json_in_json(payload: bytes) -> object:
    """JSON that may be wrapped, once, in a JSON string.

    Raises:
        UndecodableError: the outer or the inner text is not JSON.
    """
    content = from_json(payload)
    return from_json(content) if isinstance(content, str) else content


JSON = Encoding(lambda _: PayloadDecoder(orjson.loads, from_json))
JSON_IN_JSON = Encoding(lambda _: PayloadDecoder.of(from_json_in_json))
