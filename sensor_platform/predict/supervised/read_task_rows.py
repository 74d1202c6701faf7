"""Read task rows from the features table: the same inputs for training, scoring and monitoring.

An input is a column of the feature row of that hour, so it depends on no later hours either. `off_start` is known from
the end of the first day of a cycle on, `age_hours` from its beginning.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from sensor_platform.kernel.clock import HOUR, from_micros
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.over_hours import OverHours
from sensor_platform.predict.supervised.config import AGE, COLUMNS, TaskConfig, split_source
from sensor_platform.predict.supervised.cycles import Cycle, Span
from sensor_platform.predict.supervised.task_rows import TaskRows, cycle_starts, input_matrix
from sensor_platform.warehouse.tables import Due, Warehouse

if TYPE_CHECKING:
    import polars as pl

FIRST_HOURS = 24
"""`off_start` is the distance from the mean of this many first hours of a cycle."""


def device_spans(warehouse: Warehouse, metrics: Sequence[str]) -> dict[str, tuple[int, int]]:
    """First and newest hour of each device that has one of the metrics."""
    found = warehouse.connection.execute(
        "select device_id, epoch_us(min(window_start)), epoch_us(max(window_start)) from features"
        " where list_contains(?, metric) group by device_id",
        [list(metrics)],
    ).fetchall()
    return {device: (first // HOUR, last // HOUR) for device, first, last in found}


def read_examples(
    over: OverHours, config: TaskConfig, found: Sequence[Span], cycles: Sequence[Cycle], limit: int
) -> TaskRows:
    """Hours of the spans that are over, with their ground truth; common hours beyond `limit` are thinned evenly."""
    common = sum(span.last - span.first + 1 for span in found if not span.is_rare)
    with _spans(over.warehouse, found, max(1, -(-common // limit))):
        keys = (
            "select distinct f.device_id, f.window_start, s.answer, cast(s.thin as double) as weight"  # noqa: S608
            " from features f"
            " join task_spans s on f.device_id = s.device_id and f.window_start between s.first_at and s.last_at"
            " where list_contains(?, f.metric) and hash(f.device_id, epoch_us(f.window_start)) % s.thin = 0"
            f" and {over.condition('f.device_id', 'f.window_start')}"
        )
        return _read(over.warehouse, config, keys, [list(config.looked_at)], cycles)


def read_scored_rows(
    warehouse: Warehouse, config: TaskConfig, found: Sequence[Span], cycles: Sequence[Cycle], model_id: str, limit: int
) -> TaskRows:
    """Hours of the spans that a model has scored, with their ground truth; the newest `limit` of them."""
    with _spans(warehouse, found, 1):
        keys = (
            "select distinct f.device_id, f.window_start, s.answer, 1.0 as weight from supervised_scores f"
            " join task_spans s on f.device_id = s.device_id and f.window_start between s.first_at and s.last_at"
            " where f.task = ? and f.model_id = ? order by f.window_start desc, f.device_id, s.answer limit ?"
        )
        return _read(warehouse, config, keys, [config.name, model_id, limit], cycles)


@contextlib.contextmanager
def _spans(warehouse: Warehouse, found: Sequence[Span], thin: int) -> Iterator[None]:
    """Registers the spans as the table `task_spans`."""
    table = _table(
        {
            "device_id": [span.device for span in found],
            "first_at": [_moment(span.first) for span in found],
            "last_at": [_moment(span.last) for span in found],
            "answer": [span.truth for span in found],
            "thin": [1 if span.is_rare else thin for span in found],
        }
    )
    warehouse.connection.register("task_spans", table)
    try:
        yield
    finally:
        warehouse.connection.unregister("task_spans")


def read_due_rows(over: OverHours, config: TaskConfig, due: Due, cycles: Sequence[Cycle]) -> TaskRows:
    """TaskRows of all devices in the hours of `due` that are over, without ground truth."""
    warehouse = over.warehouse
    warehouse.connection.register("task_hours", _table({"window_start": [from_micros(each) for each in due.windows]}))
    try:
        keys = (
            "select distinct f.device_id, f.window_start, cast('nan' as double) as answer, 1.0 as weight"  # noqa: S608
            " from features f join task_hours using (window_start) where list_contains(?, f.metric)"
            f" and {over.condition('f.device_id', 'f.window_start')}"
        )
        return _read(warehouse, config, keys, [list(config.looked_at)], cycles)
    finally:
        warehouse.connection.unregister("task_hours")


def _read(
    warehouse: Warehouse, config: TaskConfig, keys: str, parameters: list[Any], cycles: Sequence[Cycle]
) -> TaskRows:
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
    return _rows(warehouse, config, frame, cycles)


def _rows(warehouse: Warehouse, config: TaskConfig, frame: "pl.DataFrame", cycles: Sequence[Cycle]) -> TaskRows:
    hour = frame["window_start"].dt.epoch("us").to_numpy() // HOUR
    device = frame["device_id"].to_numpy().astype(object)
    since = cycle_starts(device, hour, cycles)
    starts = _starts(warehouse, config, cycles)
    values: dict[str, Floats] = {}
    for name, source in config.sources.items():
        if source == AGE:
            values[name] = hour - since
            continue
        metric, column = split_source(source)
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
    inputs = input_matrix(values, config.sources, config.defaults)
    return TaskRows(device, hour, inputs, frame["answer"].to_numpy(), frame["weight"].to_numpy())


def _starts(
    warehouse: Warehouse, config: TaskConfig, cycles: Sequence[Cycle]
) -> dict[tuple[str, tuple[str, float]], float]:
    """Mean of each metric over the first day of each cycle, by metric and (device, first hour)."""
    wanted = [
        split_source(source)[0] for source in config.sources.values() if source != AGE and source.endswith(".off_start")
    ]
    if not wanted or not cycles:
        return {}
    table = _table(
        {"device_id": [cycle.device for cycle in cycles], "first_at": [_moment(cycle.first) for cycle in cycles]}
    )
    warehouse.connection.register("task_cycles", table)
    try:
        found = warehouse.connection.execute(
            "select f.metric, f.device_id, epoch_us(l.first_at), avg(f.value order by f.window_start)"
            " from features f join task_cycles l on f.device_id = l.device_id and f.window_start >= l.first_at"
            " and f.window_start < l.first_at + to_hours(?) where list_contains(?, f.metric) group by all",
            [FIRST_HOURS, wanted],
        ).fetchall()
    finally:
        warehouse.connection.unregister("task_cycles")
    return {(metric, (device, float(first // HOUR))): float(mean) for metric, device, first, mean in found}


def _table(columns: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401 - Arrow has no types
    import polars as pl

    kinds = {"device_id": pl.String, "answer": pl.Float64, "thin": pl.UInt64}
    schema = {name: kinds.get(name, pl.Datetime("us")) for name in columns}
    return pl.DataFrame(columns, schema=schema).to_arrow()


def _moment(hour: int) -> datetime:
    return from_micros(hour * HOUR)
