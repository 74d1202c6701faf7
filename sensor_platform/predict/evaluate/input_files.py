"""A Parquet or CSV file as it lies around: separators, encodings, decimal commas and words for "nothing" included."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor_platform.errors import WrongUse

if TYPE_CHECKING:
    import polars as pl

NOTHING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "-", "--", "?")
"""Words for a value that was not measured."""
_SEPARATORS = ",;\t|"
_SAMPLE_BYTES = 65_536
_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"(?:^|[;\t|])\s*-?\d+,\d+\s*(?=[;\t|]|$)")
_DECIMAL_POINT = re.compile(r"(?:^|[;\t|])\s*-?\d+\.\d+\s*(?=[;\t|]|$)")
_HINT = "name a Parquet file, or a CSV file with one line of column names"
_MOST = 1e30
"""What is larger was not measured."""
_MOST_ODD = 0.1
"""A column of text is one of numbers where at most this share of it is none."""


def rows_of(file: Path, text: Sequence[str] = ()) -> "pl.DataFrame":
    """Every row of a file; CSV by suffix `.csv`, `.tsv`, `.txt`, packed or not, or by content.

    Args:
        file: Parquet or CSV.
        text: columns that are names: `007` stays `007`.

    Raises:
        WrongUse: it is not there or cannot be read.
    """
    import polars as pl

    if not file.is_file():
        raise WrongUse(f"{file} does not exist", _HINT)
    try:
        with file.open("rb") as opened:
            is_parquet = opened.read(4) == b"PAR1"
        return pl.read_parquet(file) if is_parquet else _csv(file, text)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError) as error:
        what = (str(error).splitlines() or ["it is damaged"])[0]
        raise WrongUse(f"{file} cannot be read: {what}", _HINT) from error


def numbers(column: "pl.Series") -> "pl.Series | None":
    """A column as floating point numbers, null where not finite or beyond 1e30; None where it holds none."""
    import polars as pl

    if column.dtype == pl.String:
        plain = column.str.strip_chars()
        known = plain.filter(plain.is_not_null() & ~plain.is_in(list(NOTHING)))
        found = plain.cast(pl.Float64, strict=False)
        if not len(known) or found.is_not_null().sum() < (1 - _MOST_ODD) * len(known):
            return None
        column = found
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        return None
    plain = column.cast(pl.Float64, strict=False)
    return pl.select(pl.when(plain.abs() < _MOST).then(plain).alias(column.name)).to_series()


def _csv(file: Path, text: Sequence[str]) -> "pl.DataFrame":
    import polars as pl

    options: dict[str, Any] = {
        "try_parse_dates": True,
        "infer_schema_length": 50_000,
        "null_values": list(NOTHING),
        "raise_if_empty": False,
    }
    head, encoding = _sample(file)
    lines = [line for line in head.splitlines() if line.strip()]
    separator = _separator(lines)
    first = next((line for line in lines if not line.startswith("#")), "")
    if lines and lines[0].startswith("#") and lines[0].count(separator) != first.count(separator):
        options["comment_prefix"] = "#"
    options |= {"separator": separator, "encoding": encoding}
    if separator != "," and _has_decimal_comma(lines):
        options["decimal_comma"] = True
    names = pl.read_csv(file, **options, n_rows=0).columns
    overrides = {name: pl.String() for name in names if name.strip() in text}
    frame = pl.read_csv(file, **options, schema_overrides=overrides)
    stripped = [name.strip() for name in frame.columns]
    return frame.rename(dict(zip(frame.columns, stripped, strict=True))) if len({*stripped}) == len(stripped) else frame


def _sample(file: Path) -> tuple[str, str]:
    """The beginning of a file as text, and its encoding as Polars names it."""
    import polars as pl

    if file.suffix.lower() in {".gz", ".zst", ".zlib"}:  # Polars unpacks; only the first lines are wanted here
        lines = pl.read_csv(
            file, has_header=False, separator="\x01", quote_char=None, n_rows=200, encoding="utf8-lossy"
        )
        return "\n".join(lines.to_series().cast(pl.String).fill_null("")), "utf8-lossy"
    with file.open("rb") as opened:
        raw = opened.read(_SAMPLE_BYTES)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace"), "utf-16"
    text = raw.decode("utf-8", errors="replace").removeprefix("\ufeff")
    return text, "windows-1252" if "\ufffd" in text[:-4] else "utf8-lossy"


def _separator(lines: Sequence[str]) -> str:
    """The one that cuts most of the first lines into the same number of fields, and into the most."""
    bare = [_QUOTED.sub("", line) for line in lines[:50] if not line.startswith("#")]
    if not bare:
        return ","

    def fit(separator: str) -> tuple[int, int]:
        fields = bare[0].count(separator)
        return (sum(line.count(separator) == fields for line in bare) if fields else 0, fields)

    return max(_SEPARATORS, key=fit)


def _has_decimal_comma(lines: Sequence[str]) -> bool:
    return any(_DECIMAL_COMMA.search(line) for line in lines[1:]) and not any(
        _DECIMAL_POINT.search(line) for line in lines[1:]
    )
