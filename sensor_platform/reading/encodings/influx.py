"""Influx line protocol: `measurement,tag=a field=1.5,other=2i 1700000000000000000`, one line per record.

A record's tags are below `tags.`, the measurement among them; its fields are metrics by their own name. A single field
`value` is named after its measurement.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError

Precision = Literal["ns", "us", "ms", "s"]
_TO_US = {"ns": (1, 1000), "us": (1, 1), "ms": (1000, 1), "s": (1_000_000, 1)}
_BOOLEANS = {word: word[0] in "tT" for word in ("t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE")}


class InfluxForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Key `influx`: how messages of encoding `influx` are written."""

    precision: Precision = "ns"
    """Unit of the times."""


class _Malformed(ValueError):
    pass


def influx_reader(precision: Precision) -> Callable[[bytes], object]:
    """A function from a payload to its records; `time` is in microseconds."""
    times, by = _TO_US[precision]

    def read(payload: bytes) -> object:
        try:
            text = payload.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
        records = []
        for number, line in enumerate(_lines(text), 1):
            try:
                record, at = _record(line)
            except _Malformed as error:
                raise UndecodableError(f"not Influx line protocol: line {number}: {error}") from None
            if at is not None:
                record["time"] = at * times // by
            records.append(record)
        if not records:
            raise UndecodableError("the payload is empty")
        return records

    return read


def _lines(text: str) -> list[str]:
    """Lines that are not blank or comments. A line break inside a quoted string belongs to the string."""
    if '"' not in text:
        lines = text.split("\n")
    else:
        lines, start = [], 0
        is_quoted, is_escaped = False, False
        for at, character in enumerate(text):
            if is_escaped:
                is_escaped = False
            elif character == "\\":
                is_escaped = True
            elif character == '"':
                is_quoted = not is_quoted
            elif character == "\n" and not is_quoted:
                lines.append(text[start:at])
                start = at + 1
        lines.append(text[start:])
    return [line for raw in lines if (line := raw.strip(" \r\n\t")) and not line.startswith("#")]


def _record(line: str) -> tuple[dict[str, object], int | None]:
    head, rest = _until(line, 0, " ")
    if rest >= len(line):
        raise _Malformed("it has no fields")
    names = _split(head, ",")
    tags = dict(_pair(part, "tag") for part in names[1:])
    measurement = _unescape(names[0])
    if not measurement:
        raise _Malformed("it has no measurement")
    body, end = _until(line, rest + 1, " ", quoted=True)
    fields = {key: _value(value) for key, value in (_pair(part, "field") for part in _split(body, ",", quoted=True))}
    record: dict[str, object] = {"tags.measurement": measurement}
    record.update((f"tags.{key}", _unescape(value)) for key, value in tags.items())
    if list(fields) == ["value"]:
        fields = {"metric": measurement, "value": fields["value"]}
    record.update(fields)
    return record, _time(line[end:].strip())


def _time(text: str) -> int | None:
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 25):
        raise _Malformed(f"{text[:40]!r} is not a time")
    return int(text)


def _until(text: str, start: int, stop: str, *, quoted: bool = False) -> tuple[str, int]:
    """Text up to the next `stop` that is neither escaped nor (where asked) quoted, and its place."""
    at, is_quoted = start, False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif quoted and character == '"':
            is_quoted = not is_quoted
        elif character == stop and not is_quoted:
            break
        at += 1
    if is_quoted:
        raise _Malformed("a quote is not closed")
    return text[start:at], min(at, len(text))


def _split(text: str, separator: str, *, quoted: bool = False) -> list[str]:
    if "\\" not in text and '"' not in text:
        return text.split(separator)
    parts, start = [], 0
    while True:
        part, at = _until(text, start, separator, quoted=quoted)
        parts.append(part)
        if at >= len(text):
            return parts
        start = at + 1


def _pair(text: str, what: str) -> tuple[str, str]:
    key, at = _until(text, 0, "=")
    if not key or at >= len(text) - 1:
        raise _Malformed(f"{text[:40]!r} is not a {what}")
    return _unescape(key), text[at + 1 :]


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    for character in (",", "=", " "):
        text = text.replace(f"\\{character}", character)
    return text


def _value(text: str) -> object:
    if text[0] == '"':
        if len(text) < 2 or text[-1] != '"':
            raise _Malformed("a quote is not closed")
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if "_" in text:
        raise _Malformed(f"{text[:40]!r} is not a value")
    try:
        return int(text[:-1]) if text[-1] in "iu" else float(text)
    except ValueError:
        raise _Malformed(f"{text[:40]!r} is not a value") from None


INFLUX = Encoding(
    lambda contract: PayloadDecoder.of(influx_reader(contract.influx.precision)), holds_many=True, tags_in="tags"
)
