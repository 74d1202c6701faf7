"""Inputs of a task from the features table: the same for training, scoring and what the API is asked.

An input is a column of a metric's feature row of that hour, so it is as causal as that row is; `off_start` is known
from the end of a life's first day on, `age_hours` from its beginning.
"""

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.clock import HOUR, from_micros
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised.config import AGE, COLUMNS, TaskConfig, split
from sensor_platform.predict.supervised.cycles import Life
from sensor_platform.predict.supervised.targets import Span
from sensor_platform.warehouse.tables import Due, Warehouse

if TYPE_CHECKING:
    import polars as pl

FIRST_HOURS = 24
"""Of a life, whose mean is what `off_start` is measured from."""
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Hours of devices; arrays of one length, sorted by device and hour."""

    device: Texts
    hour: Ints
    inputs: Floats
    """Shape (rows, inputs of the task); NaN where there is no value and no default."""
    answer: Floats
    """NaN where the rows are to be scored."""
    weight: Floats
    """How many hours a row stands for: common ones are thinned."""

    def __len__(self) -> int:
        return len(self.hour)

    def where(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """The rows for which `mask` holds."""
        return Rows(*(getattr(self, name)[mask] for name in self.__slots__))


def sha256(sources: Mapping[str, str]) -> str:
    """Of the inputs, their order and what each is made of."""
    text = "\n".join(f"{name}\t{source}" for name, source in sources.items())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def matrix(values: Mapping[str, Floats], sources: Mapping[str, str], defaults: Mapping[str, float]) -> Floats:
    """Columns by name as the model's inputs: in order, missing ones NaN or their default. A real 0 stays 0."""
    length = max((len(each) for each in values.values()), default=0)
    result = np.full((length, len(sources)), np.nan)
    for place, name in enumerate(sources):
        column = values.get(name, np.full(length, np.nan))
        missing = ~np.isfinite(column)
        result[:, place] = np.where(missing, defaults.get(name, np.nan), column)
    return result


def device_spans(warehouse: Warehouse, metrics: Sequence[str]) -> dict[str, tuple[int, int]]:
    """First and newest hour of every device that has one of the metrics."""
    found = warehouse.connection.execute(
        "select device_id, epoch_us(min(window_start)), epoch_us(max(window_start)) from features"
        " where list_contains(?, metric) group by device_id",
        [list(metrics)],
    ).fetchall()
    return {device: (first // HOUR, last // HOUR) for device, first, last in found}


def no_rows(config: TaskConfig) -> Rows:
    """None at all."""
    none = np.empty(0)
    return Rows(none.astype(object), none.astype(int), np.empty((0, len(config.sources))), none, none)


def examples(
    warehouse: Warehouse, config: TaskConfig, found: Sequence[Span], lives: Sequence[Life], limit: int
) -> Rows:
    """Hours of the spans with their answers; where they are more than `limit`, the common ones are thinned evenly."""
    common = sum(span.last - span.first + 1 for span in found if not span.is_rare)
    with _spans(warehouse, found, max(1, -(-common // limit))):
        keys = (
            "select distinct f.device_id, f.window_start, s.answer, cast(s.thin as double) as weight from features f"
            " join task_spans s on f.device_id = s.device_id and f.window_start between s.first_at and s.last_at"
            " where list_contains(?, f.metric) and hash(f.device_id, epoch_us(f.window_start)) % s.thin = 0"
        )
        return _read(warehouse, config, keys, [list(config.looked_at)], lives)


def scored(
    warehouse: Warehouse, config: TaskConfig, found: Sequence[Span], lives: Sequence[Life], model_id: str, limit: int
) -> Rows:
    """Hours of the spans that a model has scored, with their answers; the newest `limit` of them."""
    with _spans(warehouse, found, 1):
        keys = (
            "select distinct f.device_id, f.window_start, s.answer, 1.0 as weight from supervised_scores f"
            " join task_spans s on f.device_id = s.device_id and f.window_start between s.first_at and s.last_at"
            " where f.task = ? and f.model_id = ? order by f.window_start desc, f.device_id, s.answer limit ?"
        )
        return _read(warehouse, config, keys, [config.name, model_id, limit], lives)


@contextlib.contextmanager
def _spans(warehouse: Warehouse, found: Sequence[Span], thin: int) -> Iterator[None]:
    """The spans as the table `task_spans`."""
    table = _table(
        {
            "device_id": [span.device for span in found],
            "first_at": [_moment(span.first) for span in found],
            "last_at": [_moment(span.last) for span in found],
            "answer": [span.answer for span in found],
            "thin": [1 if span.is_rare else thin for span in found],
        }
    )
    warehouse.connection.register("task_spans", table)
    try:
        yield
    finally:
        warehouse.connection.unregister("task_spans")


def due_rows(warehouse: Warehouse, config: TaskConfig, due: Due, lives: Sequence[Life]) -> Rows:
    """Every device in the hours of `due`."""
    warehouse.connection.register("task_hours", _table({"window_start": [from_micros(each) for each in due.windows]}))
    try:
        keys = (
            "select distinct f.device_id, f.window_start, cast('nan' as double) as answer, 1.0 as weight"
            " from features f join task_hours using (window_start) where list_contains(?, f.metric)"
        )
        return _read(warehouse, config, keys, [list(config.looked_at)], lives)
    finally:
        warehouse.connection.unregister("task_hours")


def _read(warehouse: Warehouse, config: TaskConfig, keys: str, parameters: list[Any], lives: Sequence[Life]) -> Rows:
    metrics = config.looked_at
    columns = ", ".join(f"m{n}.{name} as m{n}_{name}" for n in range(len(metrics)) for name in COLUMNS)
    joins = " ".join(
        f"left join features m{n} on m{n}.device_id = k.device_id and m{n}.window_start = k.window_start"
        f" and m{n}.metric = ?"
        for n in range(len(metrics))
    )
    frame: pl.DataFrame = warehouse.connection.sql(
        f"with k as ({keys}) select k.*, {columns} from k {joins} order by k.device_id, k.window_start, k.answer",  # noqa: S608 - our own names
        params=[*parameters, *metrics],
    ).pl()
    for number, metric in enumerate(metrics):
        if metric in config.required:
            frame = frame.filter(frame[f"m{number}_value"].is_not_null())
    return _rows(warehouse, config, frame, lives)


def _rows(warehouse: Warehouse, config: TaskConfig, frame: "pl.DataFrame", lives: Sequence[Life]) -> Rows:
    hour = frame["window_start"].dt.epoch("us").to_numpy() // HOUR
    device = frame["device_id"].to_numpy().astype(object)
    since = born(device, hour, lives)
    starts = _starts(warehouse, config, lives)
    values: dict[str, Floats] = {}
    for name, source in config.sources.items():
        if source == AGE:
            values[name] = hour - since
            continue
        metric, column = split(source)
        number = config.looked_at.index(metric)

        def seen(what: str, number: int = number) -> Floats:
            return np.asarray(frame[f"m{number}_{what}"].fill_null(float("nan")).to_numpy(), np.float64)

        if column == "off_mean":
            values[name] = seen("value") - seen("mean_168")
        elif column == "off_start":
            first = np.array([starts.get((metric, key), np.nan) for key in zip(device, since, strict=True)], np.float64)
            values[name] = np.where(hour - since >= FIRST_HOURS, seen("value") - first, np.nan)
        else:
            values[name] = seen(column)
    inputs = matrix(values, config.sources, config.defaults)
    return Rows(device, hour, inputs, frame["answer"].to_numpy(), frame["weight"].to_numpy())


def born(device: Texts, hour: Ints, lives: Sequence[Life]) -> Floats:
    """First hour of the life that each row (sorted by device) lies in; NaN during a failure."""
    by_device: dict[str, list[Life]] = {}
    for life in lives:
        by_device.setdefault(life.device, []).append(life)
    result = np.full(len(hour), np.nan)
    edges = [*np.flatnonzero(device[1:] != device[:-1]) + 1, len(device)] if len(device) else []
    for start, stop in itertools.pairwise([0, *edges]):
        known = by_device.get(device[start], [])
        if not known:
            continue
        first = np.array([life.first for life in known])
        last = np.array([np.inf if life.ends_at is None else life.last for life in known])
        own = hour[start:stop]
        place = np.searchsorted(first, own, side="right") - 1
        result[start:stop] = np.where((place >= 0) & (own <= last[place]), first[place], np.nan)
    return result


def _starts(
    warehouse: Warehouse, config: TaskConfig, lives: Sequence[Life]
) -> dict[tuple[str, tuple[str, float]], float]:
    """Mean of each metric over the first day of each life, by metric and (device, first hour)."""
    wanted = [split(source)[0] for source in config.sources.values() if source != AGE and source.endswith(".off_start")]
    if not wanted or not lives:
        return {}
    table = _table({"device_id": [life.device for life in lives], "first_at": [_moment(life.first) for life in lives]})
    warehouse.connection.register("task_lives", table)
    try:
        found = warehouse.connection.execute(
            "select f.metric, f.device_id, epoch_us(l.first_at), avg(f.value order by f.window_start)"
            " from features f join task_lives l on f.device_id = l.device_id and f.window_start >= l.first_at"
            " and f.window_start < l.first_at + to_hours(?) where list_contains(?, f.metric) group by all",
            [FIRST_HOURS, wanted],
        ).fetchall()
    finally:
        warehouse.connection.unregister("task_lives")
    return {(metric, (device, float(first // HOUR))): float(mean) for metric, device, first, mean in found}


def _table(columns: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401 - Arrow has no types
    import polars as pl

    kinds = {"device_id": pl.String, "answer": pl.Float64, "thin": pl.UInt64}
    schema = {name: kinds.get(name, pl.Datetime("us")) for name in columns}
    return pl.DataFrame(columns, schema=schema).to_arrow()


def _moment(hour: int) -> datetime:
    return from_micros(hour * HOUR)
