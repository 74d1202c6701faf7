"""What came, as far as the labels of now tell: hours with an answer, for training, for the watch and for analysts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, from_micros, to_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.labels.label_store import Label
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import Event, Life, events, lives
from sensor_platform.predict.supervised.inputs import device_spans
from sensor_platform.predict.supervised.targets import Span, class_names, spans
from sensor_platform.warehouse.published.task_tables import ANSWERS, TASK_TABLES
from sensor_platform.warehouse.published.views import WHOLE_FILE
from sensor_platform.warehouse.tables import Warehouse


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one task."""

    config: TaskConfig
    lives: tuple[Life, ...]
    """Empty for classes."""
    classes: tuple[str, ...]
    """Empty but for classes."""
    spans: tuple[Span, ...]


def known(warehouse: Warehouse, config: TaskConfig, labels: Sequence[Label], now: datetime) -> Known:
    """Answers of the newest `train_days`.

    Args:
        warehouse: open; without features nothing is known.
        config: the task.
        labels: all that count.
        now: aware UTC. Hours that are not over by then have no answer, nor those whose label may still come.
    """
    tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    devices = device_spans(warehouse, config.looked_at) if "features" in tables else {}
    return answered(config, events(labels, config), devices, now)


def answered(config: TaskConfig, found: Sequence[Event], devices: dict[str, tuple[int, int]], now: datetime) -> Known:
    """The same of events, and of first and newest hours by device. Pure."""
    newest = to_micros(now) // HOUR - 1
    own = lives(devices, found) if config.has_lives else ()
    classes = class_names(config, found) if config.kind == "classes" else ()
    first, last = newest - config.train_days * 24, newest - config.label_delay_hours
    return Known(config, own, classes, spans(config, found, own, first, last) if devices else ())


def publish(home: Home, every: Sequence[Known]) -> bool:
    """Write the table `supervised_answers` for analysts, if it says something else than the last one."""
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


def _rows(every: Known) -> Iterator[tuple[Any, ...]]:
    config = every.config
    for span in every.spans:
        if config.kind == "classes":
            name = every.classes[int(span.answer)]
            yield (*_place(config, span), name, None, None, config.class_costs.get(name, 1.0))
        elif config.kind == "failure":
            yield (
                *_place(config, span),
                "yes" if span.answer else "no",
                None,
                None,
                _cost(config, is_soon=span.answer > 0),
            )
        else:
            ends = from_micros(int(span.answer) * HOUR)
            for part, is_soon in _halves(span, int(span.answer) - config.horizon_hours):
                answer = "yes" if is_soon else "no"
                yield (*_place(config, part), answer, ends, float(config.most_hours), _cost(config, is_soon=is_soon))


def _halves(span: Span, soon: int) -> Iterator[tuple[Span, bool]]:
    """A life before and after the hour from which on an alarm is right."""
    parts = ((span.first, min(span.last, soon - 1), False), (max(span.first, soon), span.last, True))
    for first, last, is_soon in parts:
        if first <= last:
            yield Span(span.device, first, last, span.answer), is_soon


def _place(config: TaskConfig, span: Span) -> tuple[str, str, datetime, datetime]:
    return config.name, span.device, from_micros(span.first * HOUR), from_micros(span.last * HOUR)


def _cost(config: TaskConfig, *, is_soon: bool) -> float:
    return config.costs.missed if is_soon else config.costs.false_alarm
