"""Prints rows as an aligned table, CSV or JSON. NULL is an empty field in CSV and null in JSON."""

import base64
import csv
import json
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, TextIO

Rows = Sequence[Sequence[Any]]


def write(columns: Sequence[str], rows: Rows, form: str, out: TextIO) -> None:
    """Write rows as `table`, `csv` or `json` (an array of objects)."""
    if form == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if value is None else text(value) for value in row] for row in rows])
    elif form == "json":
        objects = [dict(zip(columns, (plain(value) for value in row), strict=True)) for row in rows]
        out.write(json.dumps(objects, ensure_ascii=False, indent=1) + "\n")
    else:
        out.write(table(columns, rows))


def table(columns: Sequence[str], rows: Rows) -> str:
    """Align columns by their widest value, numbers to the right; a query plan is printed as it is."""
    if list(columns) == ["explain_key", "explain_value"]:
        return "\n".join(str(plan) for _, plan in rows) + "\n"
    shown = [["" if value is None else _one_line(text(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(list(columns), *shown, strict=True)]
    right = [_is_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(columns)
    lines = ["  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()]
    lines.append("  ".join("-" * width for width in widths))
    for row in shown:
        cells = [_padded(*cell) for cell in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.append(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")
    return "\n".join(lines) + "\n"


def text(value: Any) -> str:  # noqa: ANN401 - any SQL value
    """Text of a value for a person or a spreadsheet."""
    if isinstance(value, datetime | date | time):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict | list):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value)


def plain(value: Any) -> Any:  # noqa: ANN401
    """Convert a value for JSON. Bytes that are not UTF-8 become base64; infinite numbers become text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and value - value != 0.0:
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return text(value)


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values if value is not None)


def _padded(cell: str, width: int, to_right: bool) -> str:
    return cell.rjust(width) if to_right else cell.ljust(width)


def _one_line(value: str) -> str:
    """Make control characters visible: a device's name must not move the cursor."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in value)
