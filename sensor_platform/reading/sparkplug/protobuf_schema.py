"""The protobuf messages of Sparkplug B, declared here as in sparkplug_b.proto of the Eclipse Tahu project (proto2).

Data sets and the extension points are declared as bytes: same wire type, never opened.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "org.eclipse.tahu.protobuf"
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}
_VALUES = "int_value:uint32 long_value:uint64 float_value:float double_value:double boolean_value:bool"
_MESSAGES = {
    "PropertyValue": (f"type:uint32=1 is_null:bool=2 | {_VALUES} string_value:string other:bytes", 3),
    "PropertySet": ("*keys:string=1 *values:PropertyValue=2", 0),
    "Template": ("version:string=1 *metrics:Metric=2 template_ref:string=4 is_definition:bool=5", 0),
    "Metric": (
        (
            "name:string=1 alias:uint64=2 timestamp:uint64=3 datatype:uint32=4 is_historical:bool=5 is_transient:bool=6"
            f" is_null:bool=7 properties:PropertySet=9 | {_VALUES} string_value:string bytes_value:bytes"
            " dataset_value:bytes template_value:Template"
        ),
        10,
    ),
    "Payload": ("timestamp:uint64=1 *metrics:Metric=2 seq:uint64=3 uuid:string=4 body:bytes=5", 0),
}
"""Fields as `name:type=number`, `*` for repeated; after the bar the oneof `value`, numbered from the second item."""


def _declare() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="sensor_platform/sparkplug_b.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, (fields, first_value) in _MESSAGES.items():
        message = file.message_type.add(name=name)
        plain, _, values = fields.partition(" | ")
        for field in plain.split():
            label = _Field.LABEL_REPEATED if field.startswith("*") else _Field.LABEL_OPTIONAL
            title, _, rest = field.removeprefix("*").partition(":")
            kind, _, number = rest.partition("=")
            _add(message, title, kind, int(number), label)
        if values:
            message.oneof_decl.add(name="value")
        for place, field in enumerate(values.split(), first_value):
            title, _, kind = field.partition(":")
            _add(message, title, kind, place, _Field.LABEL_OPTIONAL).oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


def _add(message: Any, title: str, kind: str, number: int, label: Any) -> Any:  # noqa: ANN401 - protobuf's enums
    field = message.field.add(name=title, number=number, label=label)
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    return field


_CLASSES: Final = _declare()
Payload: Final = _CLASSES["Payload"]

INT8, INT16, INT32, INT64 = 1, 2, 3, 4
BOOLEAN = 11
SIGNED_BITS: Final = {INT8: (8, 32), INT16: (16, 32), INT32: (32,), INT64: (64,)}
"""Widths of the two's complement in which a signed type may travel."""


def rebirth_command(now_ms: int) -> bytes:
    """Payload of the NCMD that asks an edge node to send its births again.

    Args:
        now_ms: milliseconds since the epoch, UTC.
    """
    payload = Payload(timestamp=now_ms)
    payload.metrics.add(name="Node Control/Rebirth", timestamp=now_ms, datatype=BOOLEAN, boolean_value=True)
    return bytes(payload.SerializeToString())
