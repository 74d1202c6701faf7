"""Sparkplug B payloads as a node would send them."""

from typing import Any

from sensor_platform.reading.contract import Contract
from sensor_platform.reading.sparkplug.protobuf_schema import Payload

AT = 1_772_366_400_000
CONTRACT = Contract(name="sp", topic="spBv1.0/#", encoding="sparkplug")


CELSIUS = {"engUnit": {"string_value": "degC"}}


def payload(seq: int | None, *metrics: dict[str, Any], at: int = AT) -> bytes:
    """A payload; each metric is given by its fields."""
    content = Payload(timestamp=at)
    if seq is not None:
        content.seq = seq
    for fields in metrics:
        properties = fields.get("properties", {})
        metric = content.metrics.add(**{key: value for key, value in fields.items() if key != "properties"})
        for key, value in properties.items():
            metric.properties.keys.append(key)
            metric.properties.values.add(**value)
    return bytes(content.SerializeToString())


def birth(seq: int = 0) -> bytes:
    """A birth with the metrics t, n and s and the aliases 1, 2 and 3."""
    return payload(
        seq,
        {"name": "bdSeq", "datatype": 8, "long_value": 3},
        {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": False},
        {"name": "t", "alias": 1, "datatype": 10, "double_value": 20.5, "properties": CELSIUS},
        {"name": "n", "alias": 2, "datatype": 3, "int_value": 7},
        {"name": "s", "alias": 3, "datatype": 12, "string_value": "RUN"},
    )  # fmt: skip
