"""A Parquet or CSV file of unknown origin: separators, encodings, decimal commas, and columns as numbers or labels."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor_platform.errors import WrongUse

if TYPE_CHECKING:
    import polars as pl


NOTHING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "-", "--", "?")
"""Texts that stand for a missing value."""
_SEPARATORS = ",;\t|"
_SAMPLE_BYTES = 65_536
_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"(?:^|[;\t|])\s*-?\d+,\d+\s*(?=[;\t|]|$)")
_DECIMAL_POINT = re.compile(r"(?:^|[;\t|])\s*-?\d+\.\d+\s*(?=[;\t|]|$)")
_HINT = "name a Parquet file, or a CSV file with one line of column names"
_MOST = 1e30
"""Larger numbers count as missing."""
_MOST_ODD = 0.1
"""A text column counts as numeric if at most this fraction of its values are not numbers."""


def read_rows(file: Path, text: Sequence[str] = ()) -> "pl.DataFrame":
    """Read all rows of a file: Parquet by its first bytes, else CSV, which may be compressed.

    Args:
        file: Parquet or CSV.
        text: columns to read as text, so that `007` stays `007`.

    Raises:
        WrongUse: the file does not exist or cannot be read.
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


def as_numbers(column: "pl.Series") -> "pl.Series | None":
    """A column as floating point numbers; values that are not finite or beyond 1e30 become null.

    Returns None where the column is not numeric.
    """
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
    """The beginning of a file as text, and the Polars name of its encoding."""
    import polars as pl

    if file.suffix.lower() in {".gz", ".zst", ".zlib"}:  # Polars decompresses; only the first lines are needed
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
    """The separator that splits most of the first lines into the same number of fields; of equals, into most fields."""
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


_NORMAL_WORDS = frozenset(
    {"0", "false", "f", "no", "n", "normal", "ok", "ordinary", "healthy", "nominal", "good", "fine", "none", "negative"}
)
_MOST_KINDS = 50


def as_labels(column: "pl.Series", notes: list[str]) -> "pl.Series":
    """A label column as numbers: 1.0 for anomalous, 0.0 for normal, null for unknown.

    Numbers above 0 are anomalous; where there are only 1 and -1, the rarer one is. Of words, all but those that mean
    normal are anomalous; without such a word, all but the most common one.

    Raises:
        WrongUse: the column holds times, lists or the like, or words that do not look like labels.
    """
    import polars as pl

    number = None if column.dtype == pl.Boolean else as_numbers(column)
    if column.dtype == pl.Boolean or number is not None:
        return _labels_of_numbers(column.cast(pl.Float64) if number is None else number, column.name, notes)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise WrongUse(f"--labels: {column.name!r} holds {column.dtype}", "use a column of numbers, booleans or words")
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    kinds = words.drop_nulls().value_counts(sort=True)
    if not len(kinds) or len(kinds) > _MOST_KINDS:
        what = "no word" if not len(kinds) else f"{len(kinds)} different words"
        raise WrongUse(f"--labels: {column.name!r} holds {what}", "use a column that marks rows as normal or anomalous")
    normal = _NORMAL_WORDS & set(kinds.to_series().to_list())
    if not normal and words.null_count():  # an empty field beside names of faults means normal
        words = words.fill_null("normal")
        normal = frozenset({"normal"})
    if not normal and len(kinds) == 1:
        raise WrongUse(f"--labels: {column.name!r} holds only {kinds.to_series()[0]!r}", "use a column of labels")
    if not normal:
        normal = frozenset({str(kinds.to_series()[0])})
    wrong = sorted(set(kinds.to_series().to_list()) - normal - {each.lower() for each in NOTHING})
    notes.append(
        f"{column.name} counts as normal: {', '.join(sorted(normal))}; as anomalous: {', '.join(wrong) or 'nothing'}"
    )
    return words.is_in(list(wrong)).cast(pl.Float64)


def _labels_of_numbers(column: "pl.Series", name: str, notes: list[str]) -> "pl.Series":
    import polars as pl

    values = set(column.drop_nulls().unique().to_list())
    if values == {1.0, -1.0}:
        wrong = 1.0 if (column == 1).sum() < (column == -1).sum() else -1.0
        notes.append(f"{name} holds 1 and -1: {wrong:g}, the rarer one, counts as anomalous")
        return (column == wrong).cast(pl.Float64)
    if len(values) > 2:
        notes.append(f"{name} holds {len(values)} different numbers: numbers above 0 count as anomalous")
    return (column > 0).cast(pl.Float64)
