"""A file that the platform has never seen, as series on a raster; or a clear word why not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.errors import WrongUse
from sensor_platform.predict.features.grid import DAY_US, HOUR_US, Grid, grid_for

if TYPE_CHECKING:
    import polars as pl

ONE_SERIES = "all"
MOST_OTHERS = 12
MOST_CELLS = 40_000_000
"""Elements times metrics that are looked at beside the targets: bounds memory."""
MOST_HORIZONS = 48
_LEAST_ROWS = 10
_EPOCH_UNITS = {10**11: "s", 10**14: "ms", 10**17: "us", 10**20: "ns"}
"""Integers below each bound are times since the epoch in this unit."""


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
    raw = _rows(question.file)
    _check_columns(question, raw)
    frame = raw.with_columns(
        _times(raw[question.time], question.time).alias("window_start"),
        _names(raw, question.series).alias("device_id"),
    )
    lost = frame.height - frame.drop_nulls(["window_start", "device_id"]).height
    frame = frame.drop_nulls(["window_start", "device_id"]).sort("device_id", "window_start")
    if lost:
        notes.append(f"{lost} rows without a time or a series were left out")
    if frame.height < _LEAST_ROWS:
        raise WrongUse(f"{question.file} has {frame.height} rows with a time", "at least 10 are needed")
    targets = _targets(question, frame, notes)
    others = tuple(name for name in _numeric(frame, question, notes))
    numbers = (*targets, *others, *([question.labels] if question.labels else []))
    step = _cadence(frame, notes)
    start = _moment(question.test_from, question.test_from)
    frame = _on_raster(frame, step, numbers, question.labels, notes)
    steps = frame["window_start"].dt.epoch("us").to_numpy() // step
    spans = _longest_span(frame, steps)
    test_from = -(-start // step)
    _check_split(question, steps, test_from)
    grid = grid_for(step, spans, question.horizon)
    if grid.season < 2:
        notes.append("no season of a day or a week fits the cadence and the history: seasonal naive is the last value")
    return Table(
        frame, grid, targets, others, question.labels, test_from, horizons_of(question.horizon, notes), tuple(notes)
    )


def horizons_of(longest: int, notes: list[str]) -> tuple[int, ...]:
    """Every step ahead up to 48; a spread of 48 with the nearest and the farthest beyond."""
    if longest <= MOST_HORIZONS:
        return tuple(range(1, longest + 1))
    spread = np.unique(np.rint(np.geomspace(1, longest, MOST_HORIZONS)).astype(int))
    notes.append(f"{len(spread)} of the {longest} horizons were forecast, from 1 to {longest}")
    return tuple(int(each) for each in spread)


def _rows(file: Path) -> "pl.DataFrame":
    import polars as pl

    if not file.is_file():
        raise WrongUse(f"{file} does not exist", "name a Parquet or CSV file")
    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            return pl.read_parquet(file)
        return pl.read_csv(file, try_parse_dates=True, infer_schema_length=50_000, null_values=["", "NA", "NaN", "nan"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise WrongUse(f"{file} cannot be read: {str(error).splitlines()[0]}", "name a Parquet or CSV file") from error


def _check_columns(question: Question, raw: "pl.DataFrame") -> None:
    import polars as pl

    wanted = {"--time": question.time, "--series": question.series, "--labels": question.labels}
    asked = [*wanted.items(), *(("--target", name) for name in question.targets)]
    for option, name in asked:
        if name is not None and name not in raw.columns:
            raise WrongUse(f"{option}: no column {name!r}", f"the file has {', '.join(raw.columns[:30])}")
    kind = raw[question.labels].dtype if question.labels else pl.Boolean()
    if not (kind.is_numeric() or kind == pl.Boolean):
        raise WrongUse(f"--labels: {question.labels!r} holds {kind}", "use a column of numbers or booleans")
    if len(set(question.targets)) != len(question.targets) or question.horizon < 1:
        raise WrongUse("--target names a column twice, or --horizon is below 1", "name each target once")


def _times(column: "pl.Series", name: str) -> "pl.Series":
    """As plain UTC microseconds; naive times are taken as they are."""
    import polars as pl

    if column.dtype == pl.String:
        column = _parsed(column, name)
    if isinstance(column.dtype, pl.Datetime):
        plain = column.dt.convert_time_zone("UTC") if column.dtype.time_zone else column
        return plain.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us"))
    if column.dtype.is_numeric():
        largest = float(np.nanmax(np.abs(column.cast(pl.Float64).to_numpy()), initial=0.0))
        unit = next(unit for bound, unit in _EPOCH_UNITS.items() if largest < bound or bound == max(_EPOCH_UNITS))
        scale = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
        micros = (column.cast(pl.Float64) * scale).round().cast(pl.Int64, strict=False)
        return micros.cast(pl.Datetime("us"))
    raise WrongUse(f"--time: {name!r} holds {column.dtype}, no times", "use a column of times, dates or epoch numbers")


def _parsed(column: "pl.Series", name: str) -> "pl.Series":
    import polars as pl

    for zone in (None, "UTC"):
        try:
            return column.str.to_datetime(time_unit="us", time_zone=zone, strict=True)
        except pl.exceptions.PolarsError:
            continue
    raise WrongUse(f"--time: {name!r} holds text that is no time", "write times as 2026-01-31 13:00:00 or ISO 8601")


def _names(raw: "pl.DataFrame", series: str | None) -> "pl.Series":
    import polars as pl

    if series is None:
        return pl.Series("device_id", [ONE_SERIES], dtype=pl.String).new_from_index(0, raw.height)
    return raw[series].cast(pl.String, strict=False)


def _targets(question: Question, frame: "pl.DataFrame", notes: list[str]) -> tuple[str, ...]:
    import polars as pl

    found = []
    for name in question.targets:
        if not (frame[name].dtype.is_numeric() or frame[name].dtype in (pl.Boolean, pl.Null)):
            raise WrongUse(f"--target: {name!r} holds {frame[name].dtype}, no numbers", "name numeric columns")
        if frame[name].cast(pl.Float64).is_finite().sum():
            found.append(name)
        else:
            notes.append(f"{name} holds no number at all and was left out")
    if not found:
        raise WrongUse("no target holds a number", "name a column with values")
    return tuple(found)


def _numeric(frame: "pl.DataFrame", question: Question, notes: list[str]) -> tuple[str, ...]:
    """Other columns that may help: numeric, mostly there, and moving."""
    import polars as pl

    taken = {question.time, question.series, question.labels, "window_start", "device_id", *question.targets}
    found = []
    for name in (name for name in frame.columns if name not in taken):
        kind = frame[name].dtype
        if not kind.is_numeric():
            continue
        values = frame[name].cast(pl.Float64).to_numpy()
        known = values[np.isfinite(values)]
        if len(known) >= frame.height // 2 and len(known) and known.min() < known.max():
            found.append(name)
    room = min(MOST_OTHERS, MOST_CELLS // max(1, frame.height))
    if len(found) > room:
        notes.append(f"of {len(found)} further numeric columns, the first {room} are looked at")
    return tuple(found[:room])


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
    frame: "pl.DataFrame", step: int, numbers: Sequence[str], labels: str | None, notes: list[str]
) -> "pl.DataFrame":
    """One row per series and step: the mean of what falls into it, and of a label whether any was set."""
    import polars as pl

    values = [pl.col(name).cast(pl.Float64, strict=False) for name in numbers]
    cleaned = frame.select(
        "device_id",
        (pl.col("window_start").dt.epoch("us").floordiv(step) * step).cast(pl.Datetime("us")).alias("window_start"),
        *(pl.when(each.is_finite()).then(each).alias(name) for each, name in zip(values, numbers, strict=True)),
    )
    means = [pl.col(name).max() if name == labels else pl.col(name).mean() for name in numbers]
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
    if not before or not after:
        side = "before" if not before else "from"
        raise WrongUse(
            f"--test-from {question.test_from}: no row lies {side} it",
            "the file must hold rows to learn from before it, and rows to test on from it",
        )


def _moment(text: str, shown: str) -> int:
    """Microseconds since the epoch of a time as a person writes it; without a zone as the file's own times."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise WrongUse(f"--test-from: {shown!r} is no time", "write it as 2026-01-31 or 2026-01-31T13:00") from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def _words(step: int) -> str:
    for length, word in ((DAY_US, "d"), (HOUR_US, "h"), (60_000_000, "min"), (1_000_000, "s")):
        if step % length == 0:
            return f"{step // length} {word}"
    return f"{step} us"


def cadence(grid: Grid) -> str:
    """Length of a step in words."""
    return _words(grid.step_us)
