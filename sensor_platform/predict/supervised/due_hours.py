"""Which hours are due for scoring: dirty ones, those that waited for a first model, those affected by label changes."""

from collections.abc import Sequence

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, from_micros, to_micros
from sensor_platform.kernel.days import ALL_TIME, Days, day_span
from sensor_platform.labels.label_store import Label, LabelVersion, changes
from sensor_platform.predict.over_hours import OverHours
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import label_events
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.warehouse.tables import Due, Warehouse

SCORES = "supervised_scores"


def due_hours(
    over: OverHours,
    home: Home,
    site: PredictSite,
    history: Sequence[LabelVersion],
    days: Days | None,
    position: int | None,
) -> Due:
    """Dirty hours, hours that waited for a first model, hours affected by label changes, and hours that were left out.

    Label changes since the last training but one count, because the run after a training scores what it changed. Hours
    that were left out come whatever their day; `over` says which hours are over, in the open warehouse.
    """
    return over.with_waiting(_due(over, home, site, history, days, position))


def _due(
    over: OverHours,
    home: Home,
    site: PredictSite,
    history: Sequence[LabelVersion],
    days: Days | None,
    position: int | None,
) -> Due:
    warehouse = over.warehouse
    due = warehouse.due(SCORES, days, position)
    first = [(config, task_models.champion_periods(home, config.name)[:1]) for config in site.supervised]
    tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    if position is None or not any(found for _, found in first) or "features" not in tables:
        return due
    waited: set[int] = set()
    changed = changes(history)
    for config, found in first:
        for period in found:
            waited |= _waiting_hours(over, config, period, days)
        for label in late_labels(home, config, changed, 2):
            waited |= _relabelled_hours(warehouse, config, label, days)
    if not waited:
        return due
    every = warehouse.due(SCORES, days).windows
    return Due(SCORES, {**due.windows, **{start: every[start] for start in waited if start in every}})


def late_labels(home: Home, config: TaskConfig, labels: Sequence[Label], trainings: int) -> list[Label]:
    """Labels of a task that were added or withdrawn since one of its last trainings, after their hours were scored.

    A failure begins a new cycle: ages change from then on, and hours during the failure are not scored. A task without
    cycles, or without a model, has no such labels.

    Args:
        home: data folder.
        config: the task.
        labels: all changes of labels; `created_at` is the time of the change.
        trainings: number of trainings to go back; 1 for the newest.
    """
    if not config.has_cycles or not task_models.champion_periods(home, config.name):
        return []
    made = task_models.versions(home, config.name)
    if not made:
        return []
    since = to_micros(version_files.created_at(made[-trainings:][0]))
    return [label for label in labels if label.created_at > since and label_events([label], config)]


def _waiting_hours(over: OverHours, config: TaskConfig, period: TaskPeriod, days: Days | None) -> set[int]:
    """Hours of these days that the first model serves and that have no score. An external model serves all hours."""
    first, last = day_span(days) if days else ALL_TIME
    hours = over.warehouse.connection.execute(
        "select distinct epoch_us(f.window_start) from features as f"  # noqa: S608 - our own names
        " where list_contains(?, f.metric) and f.window_start > ? and f.window_start <= ?"
        f" and {over.condition('f.device_id', 'f.window_start')}"
        " except select epoch_us(window_start) from supervised_scores where task = ?",
        [
            list(config.looked_at),
            from_micros(max(to_micros(period.serves_from), first - 1)),
            from_micros(min(to_micros(period.promoted_at), last)),
            config.name,
        ],
    ).fetchall()
    return {start for (start,) in hours}


def _relabelled_hours(warehouse: Warehouse, config: TaskConfig, label: Label, days: Days | None) -> set[int]:
    """Hours of these days of the label's device from its begin on, also of a failure that was withdrawn."""
    first, last = day_span(days) if days else ALL_TIME
    hours = warehouse.connection.execute(
        "select distinct epoch_us(window_start) from features"
        " where list_contains(?, metric) and device_id = ? and window_start >= ? and window_start <= ?",
        [list(config.looked_at), label.device_id, from_micros(max(label.start_at - HOUR, first)), from_micros(last)],
    ).fetchall()
    return {start for (start,) in hours}
