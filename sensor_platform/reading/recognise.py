"""Names what a refused payload looks like, so that its hint says which key of the contract would read it."""

import re
from collections.abc import Callable

from sensor_platform.reading.model import Rejected
from sensor_platform.reading.reject_rules import rejected

_LOOK = 4096
"""Bytes of a payload that are looked at."""
_LINE = 1000
"""Characters of a line that is compared with a pattern."""
_FIELD = r"[^\s,=]+=(?:\"[^\"]*\"|[^\s,\"]+)"
_INFLUX = re.compile(rf"[^\s,=#{{\[\"][^\s,=]*(?:,[^\s,=]+=[^\s,=]+)*\s{_FIELD}(?:,{_FIELD})*(?:\s-?\d+)?")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[^\s{}\[\]\"]{1,32}")
_WITH_UNIT = re.compile(r"[+-]?\d[\d., ]*[^\s\d]{0,16}")


def undecodable(reason: str, topic: str, payload: bytes) -> Rejected:
    """The refusal of a payload that is not in the encoding of its contract."""
    return rejected("undecodable", reason, hint=_hint(topic, payload))


def not_an_object(reason: str, content: object, topic: str, payload: bytes) -> Rejected:
    """The refusal of a message that is not an object."""
    if isinstance(content, str) and content[:1] in {"{", "["}:
        return rejected("not_an_object", f"{reason}: is it `encoding: json_in_json`?")
    if isinstance(content, list):
        return rejected("not_an_object", reason, hint=_say("SenML", "encoding: senml") if is_senml(content) else None)
    return rejected("not_an_object", reason, hint=_hint(topic, payload) or _say("a bare value", "encoding: plain"))


def is_senml(content: object) -> bool:
    """Whether an array is a SenML pack: its first record has a base name, or a name beside a value."""
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        return False
    return isinstance(first.get("bn"), str) or ("n" in first and not {"v", "vs", "vb", "vd"}.isdisjoint(first))


def _hint(topic: str, payload: bytes) -> str | None:
    head = payload[:_LOOK]
    if topic.startswith("spBv1.0/"):
        return _say("Sparkplug B", "encoding: sparkplug")
    for what, key, is_it in _BYTES:
        if is_it(head):
            return _say(what, key)
    text = head.decode("utf-8", "ignore").strip("\ufeff\0 \r\n\t")
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if not lines:
        return None
    if len(payload) <= _LOOK and not _is_utf8(payload):
        return _say("text of another character set", "charset: latin-1")
    return _text_hint(text, lines)


def _text_hint(text: str, lines: list[str]) -> str | None:
    if all(len(line) < _LINE and _INFLUX.fullmatch(line.strip()) for line in lines[:3]):
        return _say("InfluxDB line protocol", "encoding: influx")
    if len(lines) == 1 and (_NUMBER.fullmatch(text) or (_WORD.fullmatch(text) and not set(text) & set(";,"))):
        return _say("a bare value", "encoding: plain")
    for separator in ",;\t|":
        counts = {line.count(separator) for line in lines[:3]}
        if len(counts) == 1 and counts.pop() > 0 and text[:1] not in {"{", "["}:
            stated = "" if separator == "," else f", `csv: {{separator: {separator!r}}}`"
            return f"{_say('CSV', 'encoding: csv')}{stated}; where no line names the columns, `csv: {{columns: [...]}}`"
    is_value = len(lines) == 1 and len(text) < _LINE and _WITH_UNIT.fullmatch(text)
    return _say("a bare value", "encoding: plain") if is_value else None


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _say(what: str, key: str) -> str:
    return f"it looks like {what}: set `{key}` in the contract of this topic"


def _is_zlib(head: bytes) -> bool:
    return len(head) > 2 and head[0] == 0x78 and int.from_bytes(head[:2]) % 31 == 0


def _is_utf16(head: bytes) -> bool:
    return head[:2] in {b"\xff\xfe", b"\xfe\xff"} or (len(head) > 3 and head[:1] in b"{[" and head[1:2] == b"\0")


_BYTES: tuple[tuple[str, str, Callable[[bytes], bool]], ...] = (
    ("gzip", "compression: gzip", lambda head: head[:2] == b"\x1f\x8b"),
    ("zlib", "compression: zlib", _is_zlib),
    ("UTF-16", "charset: utf-16", _is_utf16),
)
