"""Facts as tables in Dagster's UI."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from dagster import MetadataValue, TableColumn, TableMetadataValue, TableRecord, TableSchema

Facts = dict[str, MetadataValue[Any] | int | float | str]
"""Metadata of a materialisation or of a check."""

_TYPES = {bool: "bool", int: "int", float: "float"}


def as_table(rows: Iterable[object]) -> TableMetadataValue:
    """Dataclasses or mappings, all of one shape, as a metadata table; what is no number becomes text."""
    records = [_record(row) for row in rows]
    columns = [TableColumn(name, _TYPES.get(type(value), "string")) for name, value in (records or [{}])[0].items()]
    return MetadataValue.table([TableRecord(record) for record in records], schema=TableSchema(columns))


def _record(row: object) -> dict[str, Any]:
    if is_dataclass(row) and not isinstance(row, type):
        pairs: Mapping[str, Any] = asdict(row)
    elif isinstance(row, Mapping):
        pairs = row
    else:
        raise TypeError(f"no record: {row!r}")
    return {
        name: value if type(value) in _TYPES else "" if value is None else str(value) for name, value in pairs.items()
    }
