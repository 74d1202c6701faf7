"""Encodings: payload bytes to a Python object (dict, list, str, int, float, bool, None). Layouts take it from there.

A new encoding is one module here, its name in `contract.Encoding`, and a line below. Whatever the bytes are, a decoder
returns or raises `UndecodableError`, in time and memory that the length of the payload bounds.
"""

from collections.abc import Callable
from typing import Final

import orjson

from sensor_platform.reading.contract import Contract, Encoding
from sensor_platform.reading.encodings.binary import from_cbor, from_msgpack
from sensor_platform.reading.encodings.decoders import Decode, UndecodableError
from sensor_platform.reading.encodings.delimited import csv_reader
from sensor_platform.reading.encodings.influx import influx_reader
from sensor_platform.reading.encodings.json_text import from_json, from_json_in_json
from sensor_platform.reading.encodings.plain import from_plain

__all__ = ["ENCODINGS", "MANY", "Decode", "UndecodableError", "decode_for"]

MANY: Final = frozenset({"csv", "influx", "sparkplug"})
"""Encodings whose messages hold many records by nature, whatever the layout."""

ENCODINGS: Final[dict[Encoding, Callable[[Contract], Decode]]] = {
    "json": lambda _: Decode(orjson.loads, from_json),
    "json_in_json": lambda _: _one(from_json_in_json),
    "msgpack": lambda _: _one(from_msgpack),
    "cbor": lambda _: _one(from_cbor),
    "influx": lambda contract: _one(influx_reader(contract.influx.precision)),
    "csv": lambda contract: _one(csv_reader(contract.csv)),
    "plain": lambda _: _one(from_plain),
}
"""All but Sparkplug B, which needs the topic and what it has seen before: see `reading.sparkplug`."""


def decode_for(contract: Contract) -> Decode:
    """How payloads under a contract are decoded."""
    return ENCODINGS[contract.encoding](contract)


def _one(read: Callable[[bytes], object]) -> Decode:
    """Where there is no quicker way for the usual payload."""
    return Decode(read, read)
