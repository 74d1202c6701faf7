"""JSON, and JSON wrapped in a JSON string."""

import json
import re

import orjson

from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*', re.DOTALL)


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


def literals(payload: bytes | str) -> list[str]:
    """The numbers of a JSON document, as it writes them."""
    text = payload.decode("utf-8-sig", "replace") if isinstance(payload, bytes) else payload
    return [token for token in _TOKENS.findall(text) if token[0] != '"']


def _inner_literals(payload: bytes) -> list[str]:
    content = from_json(payload)
    return literals(content if isinstance(content, str) else payload)


JSON = Encoding(lambda _: PayloadDecoder(orjson.loads, from_json, literals))
JSON_IN_JSON = Encoding(lambda _: PayloadDecoder(from_json_in_json, from_json_in_json, _inner_literals))
