"""Single Sparkplug B metrics: name, unit, quality and value."""

from collections.abc import Iterator
from typing import Any

from sensor_platform.reading.sparkplug.protobuf_schema import SIGNED_BITS

_UNITS = {"engunit", "unit", "units", "engineeringunits"}
_QUALITY = {0: "bad", 192: "good", 500: "uncertain"}


def flat_metrics(metrics: Any, prefix: str, depth: int = 0) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Metrics with their names; members of a template have its name as a prefix."""
    for metric in metrics:
        name = prefix + text_of(metric.name) if metric.name else ""
        if metric.WhichOneof("value") == "template_value" and depth < 8:
            yield from flat_metrics(metric.template_value.metrics, f"{name}/" if name else prefix, depth + 1)
        else:
            yield name, metric


def unit_of(metric: Any) -> str | None:  # noqa: ANN401
    """The unit among the properties of a metric."""
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if text_of(key).replace("_", "").replace(" ", "").lower() in _UNITS and value.string_value:
            return text_of(value.string_value)
    return None


def quality_of(metric: Any) -> str | None:  # noqa: ANN401
    """The quality among the properties of a metric, in our words."""
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if text_of(key).lower() == "quality":
            return _QUALITY.get(value.int_value)
    return None


def value_of(metric: Any, datatype: int) -> object:  # noqa: ANN401
    """Number, text or boolean; a list, which a rule refuses, for bytes, data sets and templates."""
    kind = metric.WhichOneof("value")
    if kind is None or kind in {"bytes_value", "dataset_value", "template_value"}:
        return []
    value = getattr(metric, kind)
    if kind in {"int_value", "long_value"}:
        return _signed(value, datatype)
    return text_of(value) if kind == "string_value" else value


def text_of(value: str | bytes) -> str:
    """Text; protobuf hands over text that is not UTF-8 as bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _signed(value: int, datatype: int) -> int:
    """Two's complement, at the width of the field or of the type: senders do either."""
    for bits in SIGNED_BITS.get(datatype, ()):
        if value >> bits == 0 and value >> (bits - 1):
            return value - (1 << bits)
    return value
