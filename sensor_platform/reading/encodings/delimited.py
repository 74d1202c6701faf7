"""CSV: one record per row. Column names come from the contract, or from the first line of every message."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from sensor_platform.reading.doubtful import doubtful
from sensor_platform.reading.encodings.decoders import BadRecord, Encoding, PayloadDecoder, Records, UndecodableError
from sensor_platform.reading.encodings.scalars import scalar_of
from sensor_platform.reading.names import fold

_RESTARTS = 16
"""Lines of a message that may be refused by themselves; each costs another look at the rest of it."""


class CsvForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Key `csv`: how messages of encoding `csv` are written."""

    separator: str = ","
    columns: tuple[str, ...] = ()
    """Names of the columns; without them the first line of every message names them. An empty name is passed over."""

    def __post_init__(self) -> None:
        """Check that the reader supports these keys.

        Raises:
            ValueError: naming the key.
        """
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise ValueError(f"csv: separator {self.separator!r} must be one character, and no quote or line break")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("csv: columns must differ")


def csv_reader(form: CsvForm, names: frozenset[str] = frozenset(), numbers: object = None) -> Callable[[bytes], object]:
    """A function from a payload to its rows as objects; cells are numbers, booleans, null (empty) or text.

    Args:
        form: how the rows are written.
        names: folded names of columns whose cells name something or are times: they stay texts, digit by digit.
        numbers: key `numbers` of the contract; where it is stated, cells are kept for it as texts.
    """

    def read(payload: bytes) -> object:
        rows = _rows(payload, form.separator)
        columns = form.columns
        if not columns:
            first = next(rows, (1, []))[1]
            if isinstance(first, BadRecord):
                raise UndecodableError(first.reason)
            columns = tuple(name.strip() for name in first)
        if not any(columns) or len(set(columns)) < len(columns):
            raise UndecodableError("not CSV that we read: the first line must name every column, and each once")
        texts = [fold(name) in names for name in columns]
        cell = _value if numbers is None else _kept
        records = Records(_record(columns, texts, row, number, form, cell) for number, row in rows if row)
        if records and all(isinstance(record, BadRecord) for record in records):
            raise UndecodableError(next(record.reason for record in records if isinstance(record, BadRecord)))
        return records

    return read


def _rows(payload: bytes, separator: str) -> Iterator[tuple[int, list[str] | BadRecord]]:
    """The rows with the numbers of their first lines. A line that cannot be read is refused alone."""
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    if not text.strip():
        raise UndecodableError("the payload is empty")
    lines = io.StringIO(text, newline="").readlines()
    at = 0
    for _ in range(_RESTARTS):
        rows, start = csv.reader(lines[at:], delimiter=separator, strict=True), at
        try:
            for row in rows:
                yield at + 1, row
                at = start + rows.line_num
        except csv.Error as error:
            yield at + 1, BadRecord(f"not CSV: line {at + 1}: {error}")
            at += 1
            continue
        return
    if at < len(lines):
        yield at + 1, BadRecord(f"not CSV: {_RESTARTS} lines cannot be read; those from line {at + 1} on are not tried")


def _record(
    columns: tuple[str, ...],
    texts: list[bool],
    row: list[str] | BadRecord,
    number: int,
    form: CsvForm,
    cell_of: Callable[[str], object],
) -> dict[str, object] | BadRecord:
    if isinstance(row, BadRecord):
        return row
    if len(row) > len(columns):
        return BadRecord(f"not CSV that we read: line {number} has {len(row)} cells for {len(columns)} columns")
    return {
        name: (cell.strip() or None) if is_text else cell_of(cell)
        for name, cell, is_text in zip(columns, row, texts, strict=False)
        if name or not form.columns
    }


def _value(cell: str) -> object:
    return doubtful(scalar_of(cell))


def _kept(cell: str) -> object:
    return {"": None, "true": True, "false": False}.get(cell.strip().lower(), cell)


def _names(contract: Any) -> frozenset[str]:  # noqa: ANN401 - a Contract, which imports this module
    """Folded names of the columns that the contract takes a name, an id, a tag or a time from."""
    sources = (contract.device, contract.message_id, contract.metric, *contract.tags.values())
    return frozenset(
        fold(name) for source in (*sources, *contract.series_sources.values(), contract.time) for name in source.fields
    )


def _is_table(contents: Sequence[object]) -> bool:
    """Whether any message has a row of two cells: text without a separator would be a table of one column."""
    return any(isinstance(rows, list) and isinstance(rows[0], dict) and len(rows[0]) > 1 for rows in contents)


CSV = Encoding(
    lambda contract: PayloadDecoder.of(csv_reader(contract.csv, _names(contract), contract.numbers)),
    is_likely=_is_table,
)
