"""JSON, JSON wrapped in a JSON string, and several documents in one message, one a line."""

import codecs
import json
import re
from collections.abc import Callable
from typing import Any

import orjson

from sensor_platform.reading.encodings.decoders import BadRecord, Encoding, PayloadDecoder, Records, UndecodableError
from sensor_platform.reading.encodings.repeated_keys import first_values, no_key_twice, writes_as_many

_Pairs = Callable[[list[tuple[str, Any]]], Any]
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*', re.DOTALL)
_LAX = re.compile(r'"(?:[^"\\]|\\.)*"|[+-]?\b(?:nan|inf(?:inity)?)\b|,(?=\s*[}\]])', re.DOTALL | re.IGNORECASE)
_AROUND = " \t\r\n\0\x1e\ufeff"
"""What may stand around a document and is not content: blanks, the NUL that ends a C string, record separators."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def from_json(payload: bytes | str) -> object:
    """Decode JSON: one document, or several of one line each. NaN and Infinity are floats: they spoil one reading.

    Raises:
        UndecodableError: it is not JSON.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return _from_lax(payload, str(error))


def _from_lax(payload: bytes | str, reason: str, pairs: _Pairs | None = None) -> object:
    """What is not one strict document. With `pairs`, each object is made by it."""
    if not payload:
        raise UndecodableError("the payload is empty")
    text = (payload if isinstance(payload, str) else _text(payload)).strip(_AROUND)
    if not text:
        raise UndecodableError("the payload is empty")
    try:
        return _document(text, reason, pairs)
    except UndecodableError:
        if "\n" in text and (records := _lines(text, pairs)):
            return records
        raise


def _text(payload: bytes) -> str:
    charset = next((name for mark, name in _MARKS if payload.startswith(mark)), "utf-8")
    try:
        return payload.decode(charset)
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None


def _document(text: str, reason: str, pairs: _Pairs | None = None) -> object:
    """One document; `nan` and `inf` in any spelling, and commas before a closing bracket, are taken."""
    try:
        if pairs is None:
            return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        pass
    try:
        try:
            content: object = json.loads(text, object_pairs_hook=pairs)
        except ValueError:
            content = json.loads(_LAX.sub(_strict, text), object_pairs_hook=pairs)
        json.dumps(content, ensure_ascii=False).encode()  # lone surrogates cannot be stored as text anywhere
    except UnicodeEncodeError:
        raise UndecodableError("not JSON: a lone surrogate in a string") from None
    except RecursionError:
        raise UndecodableError("not JSON that we read: nested too deeply") from None
    except ValueError:
        raise UndecodableError(f"not JSON: {reason}") from None
    return content


def _strict(match: "re.Match[str]") -> str:
    found = match[0]
    if found[0] == '"':
        return found
    if found == ",":
        return ""
    return "NaN" if "a" in found.lower() else "-Infinity" if found[0] == "-" else "Infinity"


def _lines(text: str, pairs: _Pairs | None = None) -> Records | None:
    """The documents of the lines; None where no line is an object or array: then it is not meant as lines."""
    records = Records()
    for number, raw in enumerate(text.split("\n"), 1):
        if not (line := raw.strip(_AROUND)):
            continue
        try:
            content = _document(line, "it is not a document of its own", pairs)
        except UndecodableError as error:
            records.append(BadRecord(f"line {number}: {error}"))
            continue
        if isinstance(content, list):
            records.extend(content)
        else:
            records.append(content if isinstance(content, dict) else BadRecord(f"line {number}: it is not an object"))
    return records if any(isinstance(record, dict) for record in records) else None


def from_json_in_json(payload: bytes) -> object:
    """JSON that may be wrapped, once, in a JSON string.

    Raises:
        UndecodableError: the outer or the inner text is not JSON.
    """
    content = from_json(payload)
    return from_json(content) if isinstance(content, str) else content


def repeats(payload: bytes | str, keys: int) -> tuple[object, str] | None:
    """The content with the first value of each key that an object has twice, and what is refused; None without any.

    Args:
        payload: a text that `from_json` decodes.
        keys: keys of all objects of what it decodes to.

    Raises:
        UndecodableError: the text is nested too deeply for it.
    """
    if writes_as_many(payload, keys):
        return None
    return first_values(lambda pairs: _from_lax(payload, "its keys cannot be compared", pairs))


def _inner_repeats(payload: bytes, keys: int) -> tuple[object, str] | None:
    content = from_json(payload)
    return repeats(content if isinstance(content, str) else payload, keys)


def literals(payload: bytes | str) -> list[str]:
    """The numbers of a JSON document, as it writes them."""
    text = payload.decode("utf-8-sig", "replace") if isinstance(payload, bytes) else payload
    return [token for token in _TOKENS.findall(text) if token[0] != '"']


def _inner_literals(payload: bytes) -> list[str]:
    content = from_json(payload)
    return literals(content if isinstance(content, str) else payload)


JSON = Encoding(lambda _: PayloadDecoder(orjson.loads, from_json, literals, repeats, no_key_twice))
JSON_IN_JSON = Encoding(lambda _: PayloadDecoder(from_json_in_json, from_json_in_json, _inner_literals, _inner_repeats))
