"""Labels as files hold them: numbers, booleans, or words for ordinary and for what went wrong."""

from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.predict.evaluate.input_files import NOTHING, numbers

if TYPE_CHECKING:
    import polars as pl

_ORDINARY = frozenset(
    {"0", "false", "f", "no", "n", "normal", "ok", "ordinary", "healthy", "nominal", "good", "fine", "none", "negative"}
)
_MOST_KINDS = 50


def marked(column: "pl.Series", notes: list[str]) -> "pl.Series":
    """1.0 where a row is anomalous, 0.0 where it is not, null where nobody says.

    Numbers above 0 are anomalous; where there are only 1 and -1, the rarer of the two. Of words, all but those for
    ordinary; without such a word, all but the most common.

    Raises:
        WrongUse: times, lists and the like, or words that look like no labels.
    """
    import polars as pl

    number = None if column.dtype == pl.Boolean else numbers(column)
    if column.dtype == pl.Boolean or number is not None:
        return _of_numbers(column.cast(pl.Float64) if number is None else number, column.name, notes)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise WrongUse(f"--labels: {column.name!r} holds {column.dtype}", "use a column of numbers, booleans or words")
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    kinds = words.drop_nulls().value_counts(sort=True)
    if not len(kinds) or len(kinds) > _MOST_KINDS:
        what = "no word at all" if not len(kinds) else f"{len(kinds)} different words"
        raise WrongUse(f"--labels: {column.name!r} holds {what}", "use a column that says ordinary or not")
    ordinary = _ORDINARY & set(kinds.to_series().to_list())
    if not ordinary and words.null_count():  # an empty field beside names of faults
        words = words.fill_null("normal")
        ordinary = frozenset({"normal"})
    if not ordinary and len(kinds) == 1:
        raise WrongUse(f"--labels: {column.name!r} says {kinds.to_series()[0]!r} everywhere", "use a column of labels")
    if not ordinary:
        ordinary = frozenset({str(kinds.to_series()[0])})
    wrong = sorted(set(kinds.to_series().to_list()) - ordinary - {each.lower() for each in NOTHING})
    notes.append(
        f"of {column.name}, ordinary is {', '.join(sorted(ordinary))}; anomalous {', '.join(wrong) or 'nothing'}"
    )
    return words.is_in(list(wrong)).cast(pl.Float64)


def _of_numbers(column: "pl.Series", name: str, notes: list[str]) -> "pl.Series":
    import polars as pl

    values = set(column.drop_nulls().unique().to_list())
    if values == {1.0, -1.0}:
        wrong = 1.0 if (column == 1).sum() < (column == -1).sum() else -1.0
        notes.append(f"{name} holds 1 and -1: {wrong:g}, the rarer, is taken for anomalous")
        return (column == wrong).cast(pl.Float64)
    if len(values) > 2:
        notes.append(f"{name} holds {len(values)} different numbers: above 0 is taken for anomalous")
    return (column > 0).cast(pl.Float64)
