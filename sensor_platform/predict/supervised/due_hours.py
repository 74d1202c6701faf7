"""Which hours are to be scored: what is dirty, what waited for a first model, what changes of labels change."""

from collections.abc import Sequence

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, from_micros, to_micros
from sensor_platform.kernel.days import ALL_TIME, Days, day_span
from sensor_platform.labels.label_store import Label, LabelVersion, changes
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.late_labels import late_labels
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.warehouse.tables import Due, Warehouse

SCORES = "supervised_scores"


def due_hours(
    warehouse: Warehouse,
    home: Home,
    site: PredictSite,
    history: Sequence[LabelVersion],
    days: Days | None,
    position: int | None,
) -> Due:
    """Dirty hours, those that waited for the first model of a task, and those that changes of labels change.

    Of the latter, what happened since the last training but one: the run after a training scores what it changed.
    """
    due = warehouse.due(SCORES, days, position)
    first = [(config, task_models.champion_periods(home, config.name)[:1]) for config in site.supervised]
    tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    if position is None or not any(found for _, found in first) or "features" not in tables:
        return due
    waited: set[int] = set()
    changed = changes(history)
    for config, found in first:
        for period in found:
            waited |= _waited(warehouse, config, period, days)
        for label in late_labels(home, config, changed, 2):
            waited |= _relabelled(warehouse, config, label, days)
    if not waited:
        return due
    every = warehouse.due(SCORES, days).windows
    return Due(SCORES, {**due.windows, **{start: every[start] for start in waited if start in every}})


def _waited(warehouse: Warehouse, config: TaskConfig, period: TaskPeriod, days: Days | None) -> set[int]:
    """Of these days only: a model from elsewhere serves from the beginning of time."""
    first, last = day_span(days) if days else ALL_TIME
    hours = warehouse.connection.execute(
        "select distinct epoch_us(window_start) from features"
        " where list_contains(?, metric) and window_start > ? and window_start <= ?"
        " except select epoch_us(window_start) from supervised_scores where task = ?",
        [
            list(config.looked_at),
            from_micros(max(to_micros(period.serves_from), first - 1)),
            from_micros(min(to_micros(period.promoted_at), last)),
            config.name,
        ],
    ).fetchall()
    return {start for (start,) in hours}


def _relabelled(warehouse: Warehouse, config: TaskConfig, label: Label, days: Days | None) -> set[int]:
    """Hours of the label's device from its begin on, of these days: also of a failure that is taken back."""
    first, last = day_span(days) if days else ALL_TIME
    hours = warehouse.connection.execute(
        "select distinct epoch_us(window_start) from features"
        " where list_contains(?, metric) and device_id = ? and window_start >= ? and window_start <= ?",
        [list(config.looked_at), label.device_id, from_micros(max(label.start_at - HOUR, first)), from_micros(last)],
    ).fetchall()
    return {start for (start,) in hours}
