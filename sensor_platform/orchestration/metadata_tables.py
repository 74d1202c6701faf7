"""Rows as metadata tables in Dagster's UI."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from dagster import MetadataValue, TableColumn, TableMetadataValue, TableRecord, TableSchema

Facts = dict[str, MetadataValue[Any] | int | float | str]
"""Metadata of a materialisation or of a check."""

_TYPES = {bool: "bool", int: "int", float: "float"}
_NO_BREAK = "\N{NO-BREAK SPACE}"
_WIDE = 48
"""Line length of sentences in cells. Dagster's page would break at every space, down to one word per line."""


def as_table(rows: Iterable[object]) -> TableMetadataValue:
    """Make a Dagster metadata table from dataclasses or mappings, all with the same fields.

    Values that are not numbers become text, numbers have four digits, and columns with sentences come last.
    """
    records = [_record(row) for row in rows]
    names = sorted((records or [{}])[0], key=lambda name: any(_is_sentence(record[name]) for record in records))
    columns = [TableColumn(name, _TYPES.get(type(records[0][name]), "string")) for name in names]
    shown = [TableRecord({name: _shown(record[name]) for name in names}) for record in records]
    return MetadataValue.table(shown, schema=TableSchema(columns))


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and len(value) > _WIDE and " " in value


def _shown(value: str | float) -> str | float:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, str) and _is_sentence(value):
        return " ".join(line.replace(" ", _NO_BREAK) for line in textwrap.wrap(value, _WIDE, break_long_words=False))
    return value


def _record(row: object) -> dict[str, Any]:
    if is_dataclass(row) and not isinstance(row, type):
        pairs: Mapping[str, Any] = asdict(row)
    elif isinstance(row, Mapping):
        pairs = row
    else:
        raise TypeError(f"neither a dataclass nor a mapping: {row!r}")
    return {
        name: value if type(value) in _TYPES else "" if value is None else str(value) for name, value in pairs.items()
    }
