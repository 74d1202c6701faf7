"""A file that the platform has never seen, as series on a raster; or a clear word why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import DAY, HOUR, MINUTE
from sensor_platform.predict.evaluate.file_times import Clock, without_strays
from sensor_platform.predict.evaluate.input_files import numbers, rows_of
from sensor_platform.predict.evaluate.label_column import marked
from sensor_platform.predict.evaluate.season import season_of, with_season
from sensor_platform.predict.features.grid import Grid, grid_for

if TYPE_CHECKING:
    import polars as pl

ONE_SERIES = "all"
MOST_OTHERS = 12
MOST_CELLS = 40_000_000
"""Elements times metrics that are looked at beside the targets: bounds memory."""
MOST_HORIZONS = 48
_LEAST_ROWS = 10
_KEYS = ("device_id", "window_start")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a file."""

    file: Path
    time: str
    series: str | None
    targets: tuple[str, ...]
    horizon: int
    test_from: str
    labels: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The file, read and checked. `frame` has `device_id`, `window_start` (plain UTC, on the raster), numbers."""

    frame: "pl.DataFrame"
    grid: Grid
    """With the seasons of the clock."""
    rhythm: Grid
    """With the season that the values show, where it is clearer."""
    targets: tuple[str, ...]
    others: tuple[str, ...]
    """Further numeric columns, looked at up to the time of issue."""
    labels: str | None
    test_from: int
    """Step."""
    horizons: tuple[int, ...]
    notes: tuple[str, ...] = field(default=())
    """What was done about gaps, duplicates and the like, in words."""


def read(question: Question) -> Table:
    """Read a Parquet or CSV file.

    Raises:
        WrongUse: a column is missing or of no use, times cannot be read, or no row lies before or after the split.
    """
    notes: list[str] = []
    raw = rows_of(question.file, [question.series] if question.series else [])
    question = _question_of(question, raw)
    clock = Clock(raw[question.time], question.time, notes)
    start = clock.moment(question.test_from)
    targets = _targets(question, raw, notes)
    found = {**targets, **_others(question, raw, notes)}
    if question.labels:
        found[question.labels] = marked(raw[question.labels], notes)
    frame = _keyed(question, raw, clock).with_columns(**_inner(found))
    frame = _timed(question, frame, notes)
    others = tuple(_inner_name(name) for name in found if name not in {*targets, question.labels})
    labels = _inner_name(question.labels) if question.labels else None
    step = _cadence(frame, notes)
    frame = _on_raster(frame, step, tuple(_inner(found)), labels, notes)
    steps = frame["window_start"].dt.epoch("us").to_numpy() // step
    test_from = -(-start // step)
    _check_split(question, steps, test_from)
    names = tuple(_inner_name(name) for name in targets)
    grid = grid_for(step, _longest_span(frame, steps), question.horizon)
    rhythm = _rhythm(frame.filter(steps < test_from), names, grid, question.horizon, notes)
    horizons = horizons_of(question.horizon, notes)
    return Table(frame, grid, rhythm, names, others, labels, test_from, horizons, tuple(notes))


def _rhythm(frame: "pl.DataFrame", targets: Sequence[str], grid: Grid, horizon: int, notes: list[str]) -> Grid:
    """The raster with a season that the values before the test show more clearly than the clock's."""
    found = season_of(frame, targets[0], grid)
    if found is not None:
        notes.append(f"values of {targets[0]} repeat themselves after {found} steps: that is the season")
        return with_season(grid, found, horizon)
    if grid.season < 2:
        notes.append("no season fits the cadence and the history: seasonal naive is the last value")
    return grid


def horizons_of(longest: int, notes: list[str]) -> tuple[int, ...]:
    """Every step ahead up to 48; a spread of 48 with the nearest and the farthest beyond."""
    if longest <= MOST_HORIZONS:
        return tuple(range(1, longest + 1))
    spread = np.unique(np.rint(np.geomspace(1, longest, MOST_HORIZONS)).astype(int))
    notes.append(f"{len(spread)} of the {longest} horizons were forecast, from 1 to {longest}")
    return tuple(int(each) for each in spread)


def _question_of(question: Question, raw: "pl.DataFrame") -> Question:
    """The question in the file's own names, checked."""
    whole = ",".join(question.targets)
    targets = (whole,) if whole in raw.columns else tuple(name.strip() for name in question.targets if name.strip())
    wanted = {"--time": question.time, "--series": question.series, "--labels": question.labels}
    asked = [*wanted.items(), *(("--target", name) for name in targets)]
    for option, name in asked:
        if name is not None and name not in raw.columns:
            raise WrongUse(f"{option}: no column {name!r}", f"the file has {', '.join(raw.columns[:30])[:300]}")
    if len(set(targets)) != len(targets) or question.horizon < 1:
        raise WrongUse("--target names a column twice, or --horizon is below 1", "name each target once")
    for option, name in (("--time", question.time), ("--labels", question.labels)):
        if name in targets:
            raise WrongUse(f"--target: {name!r} is the column of {option}", "name columns of measured values")
    return replace(question, targets=targets)


def _inner_name(name: str) -> str:
    """A file's name for a column, where it is not one that a key has here."""
    return f"file's {name}" if name in _KEYS else name


def _inner(found: Mapping[str, "pl.Series"]) -> dict[str, "pl.Series"]:
    return {_inner_name(name): values for name, values in found.items()}


def _keyed(question: Question, raw: "pl.DataFrame", clock: Clock) -> "pl.DataFrame":
    import polars as pl

    if question.series is None:
        names = pl.Series("device_id", [ONE_SERIES], dtype=pl.String).new_from_index(0, raw.height)
    elif raw[question.series].dtype.is_nested():
        raise WrongUse(f"--series: {question.series!r} holds {raw[question.series].dtype}", "use a column of names")
    else:
        names = raw[question.series].cast(pl.String, strict=False)
    return pl.DataFrame({"device_id": names, "window_start": clock.times})


def _timed(question: Question, frame: "pl.DataFrame", notes: list[str]) -> "pl.DataFrame":
    """Rows that have a series and a time that can be meant, in order."""
    timed = frame.drop_nulls(["window_start", "device_id"])
    if timed.height < frame.height:
        notes.append(f"{frame.height - timed.height} rows without a time or a series were left out")
    if timed.height < _LEAST_ROWS:
        raise WrongUse(f"{question.file} has {timed.height} rows with a time", f"at least {_LEAST_ROWS} are needed")
    kept = without_strays(timed)
    if kept.height < timed.height:
        notes.append(f"{timed.height - kept.height} rows far before or after all others were left out")
    return kept.sort("device_id", "window_start")


def _targets(question: Question, raw: "pl.DataFrame", notes: list[str]) -> dict[str, "pl.Series"]:
    import polars as pl

    found = {}
    for name in question.targets:
        values = numbers(raw[name])
        if values is None and raw[name].null_count() < raw.height:
            raise WrongUse(f"--target: {name!r} holds {raw[name].dtype}, no numbers", "name numeric columns")
        if values is None or values.null_count() == len(values):
            notes.append(f"{name} holds no number at all and was left out")
            continue
        if raw[name].dtype == pl.String:
            lost = int(raw[name].is_not_null().sum()) - (len(values) - values.null_count())
            notes.append(f"{name} is text: {lost} of its values are no numbers and count as missing")
        found[name] = values
    if not found:
        raise WrongUse("no target holds a number", "name a column with values")
    return found


def _others(question: Question, raw: "pl.DataFrame", notes: list[str]) -> dict[str, "pl.Series"]:
    """Other columns that may help: numeric, mostly there, and moving."""
    taken = {question.time, question.series, question.labels, *question.targets}
    found = {}
    for name in (name for name in raw.columns if name not in taken and raw[name].dtype.is_numeric()):
        values = numbers(raw[name])
        if values is None:
            continue
        known = values.drop_nulls()
        if len(known) >= raw.height // 2 and known.n_unique() > 1:
            found[name] = values
    room = min(MOST_OTHERS, MOST_CELLS // max(1, raw.height))
    if len(found) > room:
        notes.append(f"of {len(found)} further numeric columns, the first {room} are looked at")
    return dict(list(found.items())[:room])


def _cadence(frame: "pl.DataFrame", notes: list[str]) -> int:
    """The most common distance of two rows of a series, microseconds."""
    import polars as pl

    apart = frame.select(pl.col("window_start").diff().over("device_id").dt.total_microseconds().alias("apart"))
    seen = apart.filter(pl.col("apart") > 0)["apart"]
    if not len(seen):
        raise WrongUse("no series has two different times", "name the column of series with --series")
    counts = seen.value_counts(sort=True)
    step, share = int(counts["apart"][0]), counts["count"][0] / len(seen)
    if share < 0.5:
        step = _round_length(int(seen.median() or step))  # type: ignore[arg-type]  # Polars types it as any literal
        notes.append(f"times are irregular: values were averaged over steps of {_words(step)}")
    return step


def _round_length(micros: int) -> int:
    """The nearest length from 1 s up that divides a day, for irregular times."""
    second = 1_000_000
    lengths = [n * second for n in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)]
    return min(lengths, key=lambda each: abs(np.log(each / micros))) if micros >= second // 2 else max(1, micros)


def _on_raster(
    frame: "pl.DataFrame", step: int, columns: Sequence[str], labels: str | None, notes: list[str]
) -> "pl.DataFrame":
    """One row per series and step: the mean of what falls into it, and of a label whether any was set."""
    import polars as pl

    cleaned = frame.with_columns(
        (pl.col("window_start").dt.epoch("us").floordiv(step) * step).cast(pl.Datetime("us")),
    )
    means = [pl.col(name).max() if name == labels else pl.col(name).mean() for name in columns]
    rows = (
        cleaned.group_by("device_id", "window_start", maintain_order=True).agg(means).sort("device_id", "window_start")
    )
    if rows.height < frame.height:
        notes.append(f"{frame.height - rows.height} rows fell into a step that already had one: their mean is used")
    return rows


def _longest_span(frame: "pl.DataFrame", steps: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> int:
    import polars as pl

    spans = frame.select("device_id", step=pl.Series(steps)).group_by("device_id")
    return int(spans.agg(pl.col("step").max() - pl.col("step").min())["step"].max() or 0)  # type: ignore[arg-type]


def _check_split(question: Question, steps: "np.ndarray[tuple[int], np.dtype[np.int64]]", test_from: int) -> None:
    before, after = int((steps < test_from).sum()), int((steps >= test_from).sum())
    if not after or not (before or question.labels):  # anomaly scores get to know a series by its first rows
        side = "before" if not before else "from"
        raise WrongUse(
            f"--test-from {question.test_from}: no row lies {side} it",
            "the file must hold rows to learn from before it, and rows to test on from it",
        )


def _words(step: int) -> str:
    for length, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1_000_000, "s")):
        if step % length == 0:
            return f"{step // length} {word}"
    return f"{step} us"


def cadence(grid: Grid) -> str:
    """Length of a step in words."""
    return _words(grid.step_us)
