"""Influx line protocol: `measurement,tag=a field=1.5,other=2i 1700000000000000000`, one line per record.

A record's tags are below `tags.`, the measurement among them; its fields are metrics by their own name. A single field
`value` is named after its measurement.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from sensor_platform.reading.encodings.decoders import (
    EXACT_TIME,
    BadRecord,
    Encoding,
    PayloadDecoder,
    Records,
    UndecodableError,
)

Precision = Literal["ns", "us", "ms", "s"]
_TO_US = {"ns": (1, 1000), "us": (1, 1), "ms": (1000, 1), "s": (1_000_000, 1)}
_BOOLEANS = {word: word[0] in "tT" for word in ("t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE")}


_BLANK = " \r\n\t"
_QUOTED = re.compile(r'="(?:[^"\\]|\\.)*"', re.DOTALL)


class InfluxForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Key `influx`: how messages of encoding `influx` are written."""

    precision: Precision = "ns"
    """Unit of the times."""


class _Malformed(ValueError):
    pass


def influx_reader(precision: Precision) -> Callable[[bytes], object]:
    """A function from a payload to its records; the time is in microseconds, in the field `EXACT_TIME`."""
    times, by = _TO_US[precision]

    def read(payload: bytes) -> object:
        try:
            text = payload.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
        records = Records()
        for number, found in _lines(text):
            if isinstance(found, _Malformed):
                records.append(BadRecord(f"not Influx line protocol: line {number}: {found}"))
                continue
            record, at = found
            if at is not None:
                record[EXACT_TIME] = at * times // by
            records.append(record)
        if not records:
            raise UndecodableError("the payload is empty")
        if isinstance(records[0], BadRecord) and all(isinstance(record, BadRecord) for record in records):
            raise UndecodableError(records[0].reason)
        return records

    return read


def _lines(text: str) -> Iterator[tuple[int, tuple[dict[str, object], int | None] | _Malformed]]:
    """What each line that is neither blank nor a comment holds, with its number from 1.

    A line break inside a quoted field value belongs to the value. A line that is malformed ends at its line break.
    """
    raw = text.split("\n")
    at = 0
    while at < len(raw):
        number = at + 1
        stripped = raw[at].strip(_BLANK)
        line, following = (raw[at], at + 1) if '"' not in stripped or stripped[0] == "#" else _joined(raw, at)
        at += 1
        if not stripped or stripped[0] == "#":
            continue
        try:
            yield number, _record(line.strip(_BLANK))
            at = following
        except _Malformed as error:
            yield number, error


def _joined(raw: list[str], at: int) -> tuple[str, int]:
    """A line with those that its open quote takes in, and the number of the next one; alone if it is never closed."""
    line = raw[at].lstrip(_BLANK)
    _, fields = _until(line, 0, " ")  # before it, in measurement and tags, a quote is a character like any other
    if _is_open(line[fields:]):
        for last in range(at + 1, len(raw)):
            if '"' in raw[last] and not _is_open(f'="{raw[last]}'):
                return "\n".join(raw[at : last + 1]), last + 1
    return raw[at], at + 1


def _is_open(fields: str) -> bool:
    """Whether a quoted value goes on beyond the end of the line. A quote opens one after an equals sign only."""
    return '="' in _QUOTED.sub("", fields)


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
    pairs = [_pair(part, "field") for part in _split(body, ",", quoted=True)]
    fields = {key: _value(value) for key, value in pairs}
    if len(fields) < len(pairs) or len(tags) < len(names) - 1:
        raise _Malformed("it has two tags or two fields of one name")
    record: dict[str, object] = {"tags.measurement": measurement}
    for key, value in tags.items():
        record[f"tags.{key}"] = _unescape(value)
    if "measurement" in tags and tags["measurement"] != measurement:
        record["tags.measurement"] = measurement
        record["tags.tag_measurement"] = _unescape(tags["measurement"])
    if list(fields) == ["value"]:
        fields = {"metric": measurement, "value": fields["value"]}
    if twice := next((key for key in fields if key in record), None):
        raise _Malformed(f"its field {twice[:40]!r} has the name of a tag")
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
        elif quoted and character == '"' and (is_quoted or text[at - 1 : at] == "="):
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
        if not _QUOTED.fullmatch(f"={text}"):
            raise _Malformed("a quote is not closed, or something follows it")
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if "_" in text or not text.isascii() or text != text.strip():
        raise _Malformed(f"{text[:40]!r} is not a value")
    try:
        return int(text[:-1]) if text[-1] in "iu" else float(text)
    except ValueError:
        raise _Malformed(f"{text[:40]!r} is not a value") from None


INFLUX = Encoding(lambda contract: PayloadDecoder.of(influx_reader(contract.influx.precision)), tags_in="tags")
