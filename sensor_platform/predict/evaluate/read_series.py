"""Read a file of unknown origin as series on a time grid, or raise an error that names the option at fault."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.predict.evaluate import file_grid
from sensor_platform.predict.evaluate.file_times import TimeColumn, without_stray_times
from sensor_platform.predict.evaluate.input_files import as_labels, as_numbers, read_rows
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Ints

if TYPE_CHECKING:
    import polars as pl

ONE_SERIES = "all"
MOST_OTHERS = 12
MOST_CELLS = 40_000_000
"""Upper limit of rows times further columns, which bounds memory."""
_LEAST_ROWS = 10
_KEYS = ("device_id", "window_start")
Progress = Callable[[str], None]
"""Receives a line of text for people."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """A file and the options of `sensor-platform evaluate`."""

    file: Path
    time: str
    series: str | None
    targets: tuple[str, ...]
    horizon: int
    test_from: str
    labels: str | None = None


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """The file, read and checked."""

    frame: "pl.DataFrame"
    """`device_id`, `window_start` (plain UTC, on the time grid), and columns of numbers."""
    grid: Grid
    """Time grid with the seasons of the calendar (day and week)."""
    seasonal_grid: Grid
    """The same with the season found in the values, where that one is clearer."""
    targets: tuple[str, ...]
    others: tuple[str, ...]
    """Further numeric columns, used up to the time at which a forecast is issued."""
    labels: str | None
    test_from: int
    """First step of the test part."""
    horizons: tuple[int, ...]
    notes: tuple[str, ...] = field(default=())
    """How gaps, duplicates and similar problems were handled, as sentences for people."""


def read_series(request: EvaluationRequest) -> EvaluationData:
    """Read a Parquet or CSV file.

    Raises:
        WrongUse: a column is missing or cannot be used, times cannot be parsed, or no row lies before or after the
            split.
    """
    notes: list[str] = []
    raw = read_rows(request.file, [request.series] if request.series else [])
    request = _checked_request(request, raw)
    time_column = TimeColumn(raw[request.time], request.time, notes)
    start = time_column.micros_of(request.test_from)
    targets = _targets(request, raw, notes)
    found = {**targets, **_others(request, raw, notes)}
    if request.labels:
        found[request.labels] = as_labels(raw[request.labels], notes)
    frame = _keyed(request, raw, time_column).with_columns(**_inner(found))
    frame = _timed(request, frame, notes)
    others = tuple(_inner_name(name) for name in found if name not in {*targets, request.labels})
    labels = _inner_name(request.labels) if request.labels else None
    step = file_grid.cadence(frame, notes)
    frame = _on_grid(frame, step, tuple(_inner(found)), labels, notes)
    steps = frame["window_start"].dt.epoch("us").to_numpy() // step
    test_from = -(-start // step)
    _check_split(request, steps, test_from)
    names = tuple(_inner_name(name) for name in targets)
    grid = file_grid.calendar_grid(frame, step, request.horizon)
    seasonal = file_grid.seasonal_grid(frame.filter(steps < test_from), names[0], grid, request.horizon, notes)
    horizons = file_grid.tested_horizons(request.horizon, notes)
    return EvaluationData(frame, grid, seasonal, names, others, labels, test_from, horizons, tuple(notes))


def _checked_request(request: EvaluationRequest, raw: "pl.DataFrame") -> EvaluationRequest:
    """The request in the file's own names, checked."""
    whole = ",".join(request.targets)
    targets = (whole,) if whole in raw.columns else tuple(name.strip() for name in request.targets if name.strip())
    wanted = {"--time": request.time, "--series": request.series, "--labels": request.labels}
    asked = [*wanted.items(), *(("--target", name) for name in targets)]
    for option, name in asked:
        if name is not None and name not in raw.columns:
            raise WrongUse(f"{option}: no column {name!r}", f"the file has {', '.join(raw.columns[:30])[:300]}")
    if len(set(targets)) != len(targets) or request.horizon < 1:
        raise WrongUse("--target names a column twice, or --horizon is below 1", "name each target once")
    for option, name in (("--time", request.time), ("--labels", request.labels)):
        if name in targets:
            raise WrongUse(f"--target: {name!r} is the column of {option}", "name columns of measured values")
    return replace(request, targets=targets)


def _inner_name(name: str) -> str:
    """The internal name of a column: the file's, unless a key column has that name."""
    return f"file's {name}" if name in _KEYS else name


def _inner(found: Mapping[str, "pl.Series"]) -> dict[str, "pl.Series"]:
    return {_inner_name(name): values for name, values in found.items()}


def _keyed(request: EvaluationRequest, raw: "pl.DataFrame", time_column: TimeColumn) -> "pl.DataFrame":
    import polars as pl

    if request.series is None:
        names = pl.Series("device_id", [ONE_SERIES], dtype=pl.String).new_from_index(0, raw.height)
    elif raw[request.series].dtype.is_nested():
        raise WrongUse(f"--series: {request.series!r} holds {raw[request.series].dtype}", "use a column of names")
    else:
        names = raw[request.series].cast(pl.String, strict=False)
    return pl.DataFrame({"device_id": names, "window_start": time_column.times})


def _timed(request: EvaluationRequest, frame: "pl.DataFrame", notes: list[str]) -> "pl.DataFrame":
    """Rows with a series and a plausible time, sorted."""
    timed = frame.drop_nulls(["window_start", "device_id"])
    if timed.height < frame.height:
        notes.append(f"{frame.height - timed.height} rows without a time or a series were dropped")
    if timed.height < _LEAST_ROWS:
        raise WrongUse(f"{request.file} has {timed.height} rows with a time", f"at least {_LEAST_ROWS} are needed")
    kept = without_stray_times(timed)
    if kept.height < timed.height:
        notes.append(f"{timed.height - kept.height} rows far before or after all others were dropped")
    return kept.sort("device_id", "window_start")


def _targets(request: EvaluationRequest, raw: "pl.DataFrame", notes: list[str]) -> dict[str, "pl.Series"]:
    import polars as pl

    found = {}
    for name in request.targets:
        values = as_numbers(raw[name])
        if values is None and raw[name].null_count() < raw.height:
            raise WrongUse(f"--target: {name!r} holds {raw[name].dtype}, which is not numeric", "name numeric columns")
        if values is None or values.null_count() == len(values):
            notes.append(f"{name} holds no number and was dropped")
            continue
        if raw[name].dtype == pl.String:
            lost = int(raw[name].is_not_null().sum()) - (len(values) - values.null_count())
            notes.append(f"{name} is text: {lost} of its values are not numbers and count as missing")
        found[name] = values
    if not found:
        raise WrongUse("no target holds a number", "name a column with values")
    return found


def _others(request: EvaluationRequest, raw: "pl.DataFrame", notes: list[str]) -> dict[str, "pl.Series"]:
    """Other columns that may help: numeric, present in at least half of the rows, and not constant."""
    taken = {request.time, request.series, request.labels, *request.targets}
    found = {}
    for name in (name for name in raw.columns if name not in taken and raw[name].dtype.is_numeric()):
        values = as_numbers(raw[name])
        if values is None:
            continue
        known = values.drop_nulls()
        if len(known) >= raw.height // 2 and known.n_unique() > 1:
            found[name] = values
    room = min(MOST_OTHERS, MOST_CELLS // max(1, raw.height))
    if len(found) > room:
        notes.append(f"of {len(found)} further numeric columns, the first {room} are used")
    return dict(list(found.items())[:room])


def _on_grid(
    frame: "pl.DataFrame", step: int, columns: Sequence[str], labels: str | None, notes: list[str]
) -> "pl.DataFrame":
    """One row per series and step: the mean of the values in the step; of the label column the maximum."""
    import polars as pl

    cleaned = frame.with_columns(
        (pl.col("window_start").dt.epoch("us").floordiv(step) * step).cast(pl.Datetime("us")),
    )
    means = [pl.col(name).max() if name == labels else pl.col(name).mean() for name in columns]
    rows = (
        cleaned.group_by("device_id", "window_start", maintain_order=True).agg(means).sort("device_id", "window_start")
    )
    if rows.height < frame.height:
        notes.append(f"{frame.height - rows.height} rows fell into a step that already had a row: their mean is used")
    return rows


def _check_split(request: EvaluationRequest, steps: Ints, test_from: int) -> None:
    before, after = int((steps < test_from).sum()), int((steps >= test_from).sum())
    if not after or not (before or request.labels):  # anomaly scores can learn from a series' first rows
        side = "before" if not before else "from"
        raise WrongUse(
            f"--test-from {request.test_from}: no row lies {side} it",
            "the file must hold rows to learn from before it, and rows to test on from it",
        )
