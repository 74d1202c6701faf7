"""Ground truth known at present: spans of hours with a known outcome, for training, monitoring and analysts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, from_micros, to_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.labels.label_store import Label
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import (
    Cycle,
    LabelEvent,
    Span,
    class_names,
    cycles_of,
    label_events,
    labelled_spans,
)
from sensor_platform.predict.supervised.read_task_rows import device_spans
from sensor_platform.warehouse.published.task_tables import ANSWERS, TASK_TABLES
from sensor_platform.warehouse.published.views import WHOLE_FILE
from sensor_platform.warehouse.tables import Warehouse


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Ground truth of one task."""

    config: TaskConfig
    cycles: tuple[Cycle, ...]
    """Run-to-failure cycles; empty for kind `classes`."""
    classes: tuple[str, ...]
    """Class names; empty for other kinds."""
    spans: tuple[Span, ...]


def read_ground_truth(warehouse: Warehouse, config: TaskConfig, labels: Sequence[Label], now: datetime) -> GroundTruth:
    """Ground truth of the newest `train_days`.

    Args:
        warehouse: open; without a features table nothing is known.
        config: the task.
        labels: all current labels.
        now: aware UTC. Hours that have not ended by then, or whose label may still come, have no ground truth.
    """
    tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    devices = device_spans(warehouse, config.looked_at) if "features" in tables else {}
    return ground_truth_of(config, label_events(labels, config), devices, now)


def ground_truth_of(
    config: TaskConfig, found: Sequence[LabelEvent], devices: dict[str, tuple[int, int]], now: datetime
) -> GroundTruth:
    """Ground truth of label events, with first and newest hour by device. Pure."""
    newest = to_micros(now) // HOUR - 1
    own = cycles_of(devices, found) if config.has_cycles else ()
    classes = class_names(config, found) if config.kind == "classes" else ()
    first, last = newest - config.train_days * 24, newest - config.label_delay_hours
    return GroundTruth(config, own, classes, labelled_spans(config, found, own, first, last) if devices else ())


def publish_ground_truth(home: Home, every: Sequence[GroundTruth]) -> bool:
    """Write the published table `supervised_answers` if its rows have changed; returns whether they have."""
    import polars as pl

    kinds: dict[str, Any] = {"TIMESTAMP": pl.Datetime("us"), "VARCHAR": pl.String(), "DOUBLE": pl.Float64()}
    schema = {name: kinds[kind] for name, kind in TASK_TABLES[ANSWERS]}
    rows = pl.DataFrame([row for each in every for row in _rows(each)], schema=schema, orient="row").unique()
    rows = rows.sort("task", "device_id", "first_at", "answer")
    path = home.published / ANSWERS / WHOLE_FILE
    if path.exists() and rows.equals(pl.read_parquet(path)):
        return False
    with replacing(path) as temporary:
        rows.write_parquet(temporary)
    return True


def _rows(every: GroundTruth) -> Iterator[tuple[Any, ...]]:
    config = every.config
    for span in every.spans:
        if config.kind == "classes":
            name = every.classes[int(span.truth)]
            yield (*_place(config, span), name, None, None, config.class_costs.get(name, 1.0))
        elif config.kind == "failure":
            yield (
                *_place(config, span),
                "yes" if span.truth else "no",
                None,
                None,
                _cost(config, is_soon=span.truth > 0),
            )
        else:
            ends = from_micros(int(span.truth) * HOUR)
            for part, is_soon in _halves(span, int(span.truth) - config.horizon_hours):
                answer = "yes" if is_soon else "no"
                yield (*_place(config, part), answer, ends, float(config.most_hours), _cost(config, is_soon=is_soon))


def _halves(span: Span, soon: int) -> Iterator[tuple[Span, bool]]:
    """The hours of a cycle before, and from, the hour at which an alarm becomes right."""
    parts = ((span.first, min(span.last, soon - 1), False), (max(span.first, soon), span.last, True))
    for first, last, is_soon in parts:
        if first <= last:
            yield Span(span.device, first, last, span.truth), is_soon


def _place(config: TaskConfig, span: Span) -> tuple[str, str, datetime, datetime]:
    return config.name, span.device, from_micros(span.first * HOUR), from_micros(span.last * HOUR)


def _cost(config: TaskConfig, *, is_soon: bool) -> float:
    return config.costs.missed if is_soon else config.costs.false_alarm
