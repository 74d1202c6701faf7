"""CSV: one record per row. Column names come from the contract, or from the first line of every message."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence

import msgspec

from sensor_platform.reading.encodings.decoders import Encoding, PayloadDecoder, UndecodableError
from sensor_platform.reading.encodings.scalars import scalar_of


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


def csv_reader(form: CsvForm) -> Callable[[bytes], object]:
    """A function from a payload to its rows as objects; cells are numbers, booleans, null (empty) or text."""

    def read(payload: bytes) -> object:
        rows = _rows(payload, form.separator)
        columns = form.columns or tuple(name.strip() for name in next(rows, []))
        if not any(columns) or len(set(columns)) < len(columns):
            raise UndecodableError("not CSV that we read: the first line must name every column, and each once")
        return [_record(columns, row, number) for number, row in enumerate(rows, 1) if row]

    return read


def _rows(payload: bytes, separator: str) -> Iterator[list[str]]:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    if not text.strip():
        raise UndecodableError("the payload is empty")
    return _checked(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


def _checked(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise UndecodableError(f"not CSV: {error}") from None
        yield row


def _record(columns: tuple[str, ...], row: list[str], number: int) -> dict[str, object]:
    if len(row) > len(columns):
        raise UndecodableError(f"not CSV that we read: row {number} has {len(row)} cells for {len(columns)} columns")
    return {name: scalar_of(cell) for name, cell in zip(columns, row, strict=False) if name}


def _is_table(contents: Sequence[object]) -> bool:
    """Whether any message has a row of two cells: text without a separator would be a table of one column."""
    return any(isinstance(rows, list) and len(rows[0]) > 1 for rows in contents)


CSV = Encoding(lambda contract: PayloadDecoder.of(csv_reader(contract.csv)), holds_many=True, is_likely=_is_table)
