"""The keys of people's files, and where their types are in the code: the one place to follow when they move."""

from collections.abc import Iterator
from dataclasses import fields

import msgspec
from msgspec import inspect

from sensor_platform.alert.config import AlertConfig
from sensor_platform.demo.recording import ReplaySource
from sensor_platform.devices.fleet import Fleet
from sensor_platform.predict.supervised.external import GivenCard
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.reject_rules import HINTS
from sensor_platform.site import _SiteFile
from sensor_platform.warehouse.catalog.catalog_model import CalibrationPeriod, Device, Metric

SITE: object = _SiteFile
CONTRACT: object = Contract
RULES: object = AlertConfig
FLEETS: object = tuple[Fleet, ...]
REPLAY: object = tuple[ReplaySource, ...]
CARD: object = GivenCard
QUARANTINE_RULES = frozenset(HINTS)


def catalog_columns() -> dict[str, list[str]]:
    """Columns of the catalog's files."""
    kinds = {"devices.csv": Device, "metrics.csv": Metric, "calibration.csv": CalibrationPeriod}
    return {name: [field.name for field in fields(kind)] for name, kind in kinds.items()}


def keys(kind: object) -> dict[str, str]:
    """Every key of a file, by path, with its type and default."""
    return dict(_keys(inspect.type_info(kind), ""))


def _keys(kind: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            tag = f"<{each.tag}>" if isinstance(each, inspect.StructType) and each.tag else ""
            yield from _keys(each, path + tag)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            name = f"{path}.{field.encode_name}".lstrip(".")
            yield name, f"{_type(field.type)}, {_default(field)}"
            yield from _keys(field.type, name)
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType):
        yield from _keys(kind.item_type, f"{path}[]")
    elif isinstance(kind, inspect.DictType):
        yield from _keys(kind.value_type, f"{path}{{}}")


def _type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        return " or ".join(sorted({_type(each) for each in kind.types}))
    if isinstance(kind, inspect.StructType):
        return "keys"
    if isinstance(kind, inspect.LiteralType):
        return "|".join(map(str, kind.values))
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return f"list of {_type(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return f"map of {_type(kind.value_type)}"
    return type(kind).__name__.removesuffix("Type").lower()


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return f"default {msgspec.json.encode(value, order='sorted').decode()}"
