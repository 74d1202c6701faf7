"""SenML (RFC 8428) in JSON or CBOR: a pack of records with base values, to one record per value.

The base name is the device, the name is the metric; without a base name the contract finds the device.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from sensor_platform.reading.encodings.binary import from_cbor
from sensor_platform.reading.encodings.decoders import (
    EXACT_TIME,
    BadRecord,
    Encoding,
    PayloadDecoder,
    Records,
    UndecodableError,
)
from sensor_platform.reading.encodings.json_text import from_json, repeats
from sensor_platform.reading.encodings.repeated_keys import keys_in
from sensor_platform.reading.local_times import FromArrival

_LABELS = {
    "-1": "bver", "-2": "bn", "-3": "bt", "-4": "bu", "-5": "bv", "-6": "bs", "0": "n", "1": "u", "2": "v", "3": "vs",
    "4": "vb", "5": "s", "6": "t", "7": "ut", "8": "vd",
}  # fmt: skip
"""Names of the numbers that stand for fields in CBOR."""
_KNOWN = frozenset(_LABELS.values())
_ABSOLUTE = 2**28
"""Times below this many seconds count from now."""


def senml_reader(device: str, metric: str, value: str, unit: str) -> Callable[[bytes], object]:
    """A function from a payload to its records.

    Args:
        device: field that the device is written to; the others alike.
        metric: field of the metric.
        value: field of the value.
        unit: field of the unit.
    """

    def read(payload: bytes) -> object:
        is_cbor = payload[:1] > b"\x7f"
        content = from_cbor(payload) if is_cbor else from_json(payload)
        if not is_cbor and (twice := repeats(payload, keys_in([content]))):
            raise UndecodableError(f"not SenML: {twice[1].partition(';')[0]}")
        if not isinstance(content, list):
            raise UndecodableError("not SenML: it is not an array of records")
        records, base = Records(), dict[str, Any]()
        for number, raw in enumerate(content, 1):
            try:
                records.extend(_read(raw, base, (device, metric, value, unit)))
            except (ValueError, TypeError, ArithmeticError) as error:
                records.append(BadRecord(f"not SenML: record {number}: {error}"))
        if not any(isinstance(record, dict) for record in records):
            raise UndecodableError(records[0].reason if records else "not SenML: no record has a value")  # type: ignore[attr-defined]
        return records

    return read


def _read(raw: object, base: dict[str, Any], names: tuple[str, str, str, str]) -> list[dict[str, object]]:
    if not isinstance(raw, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - a fault of the payload
    fields: dict[str, Any] = {_LABELS.get(str(key), str(key)): value for key, value in raw.items()}
    base.update({key: value for key, value in fields.items() if key in {"bn", "bt", "bu", "bv", "bs"}})
    if needed := sorted(key for key in fields if key.endswith("_") and key not in _KNOWN):
        raise ValueError(f"the field {needed[0]!r} must be understood, and is not")
    device, metric, value, unit = names
    shared = {key: item for key, item in fields.items() if key not in _KNOWN}
    name, head = _text(fields.get("n", "")), _text(base.get("bn", "")).rstrip(":/.-")
    if head:
        shared[device] = head
    if known := fields.get("u", base.get("bu")):
        shared[unit] = known
    shared[EXACT_TIME] = _time(fields, base)
    found: list[dict[str, object]] = []
    if (own := next((key for key in ("v", "vb", "vs", "vd") if key in fields), None)) is not None:
        what = _sum(base.get("bv"), fields["v"]) if own == "v" else fields[own]
        found.append(shared | {metric: name or "value", value: what})
    elif "bv" in base and "s" not in fields and not set(fields) <= {"bn", "bt", "bu", "bv", "bs", "bver"}:
        found.append(shared | {metric: name or "value", value: base["bv"]})
    if "s" in fields:
        found.append(shared | {metric: f"{name or 'value'}.sum", value: _sum(base.get("bs"), fields["s"])})
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("its name is not a text")  # noqa: TRY004 - a fault of the payload
    return value


def _sum(first: Any, second: Any) -> float:  # noqa: ANN401 - numbers, or whatever was sent
    """The sum without the noise of binary fractions."""
    for number in (first, second):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise ValueError(f"{number!r} is not a number")
    if not first:
        return second  # type: ignore[no-any-return] # a number, as just seen
    if isinstance(first, int) and isinstance(second, int):
        return first + second
    return float(Decimal(repr(first)) + Decimal(repr(second)))


def _time(fields: dict[str, Any], base: dict[str, Any]) -> object:
    seconds = _sum(base.get("bt"), fields.get("t", 0))
    micros = round(Decimal(repr(seconds)) * 1_000_000)
    return micros if seconds >= _ABSOLUTE else FromArrival(micros)


def _is_pack(contents: Sequence[object]) -> bool:
    return bool(contents)


def _decoder(contract: Any) -> PayloadDecoder:  # noqa: ANN401 - a Contract, which imports this module
    def first(fields: tuple[str, ...], otherwise: str) -> str:
        return fields[0] if fields else otherwise

    names = (
        first(contract.device.field, "device_id"),
        first(contract.metric.field, "metric"),
        first(contract.value.field, "value"),
        first(contract.unit.field, "unit"),
    )
    return PayloadDecoder.of(senml_reader(*names))


SENML = Encoding(_decoder, is_likely=_is_pack)
