"""Bring the table `supervised_scores` up to date with `features`: each hour is scored by its champion at that time."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, to_micros
from sensor_platform.kernel.days import Days
from sensor_platform.labels.label_store import Label, read_history
from sensor_platform.predict.over_hours import OverHours, over_hours
from sensor_platform.predict.registry import champions, version_files
from sensor_platform.predict.reports import Row, TaskScoreReport, utc
from sensor_platform.predict.revised_table import RevisedTable
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised import ground_truth, score_rows
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import Cycle, cycles_of, label_events
from sensor_platform.predict.supervised.due_hours import SCORES, due_hours
from sensor_platform.predict.supervised.read_task_rows import device_spans, read_due_rows
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.predict.supervised.task_rows import TaskRows, cycle_starts, sources_sha256
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.tables import Due, Warehouse, writer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

TABLE = RevisedTable(SCORES, "supervised_superseded", score_rows.KEYS, "window_start")
_ROWS = 1_000_000
"""Approximate number of hourly values per piece, which bounds memory."""
_ALARMS = 20
"""Number of newest alarms in the report."""


def score_tasks(
    home: Home, site: PredictSite, days: Days | None = None, position: int | None = None, *, now: datetime
) -> TaskScoreReport:
    """Bring `supervised_scores` up to date with `features`, in pieces of bounded memory, for hours that are over.

    An hour that was left out is scored by the first call after it is over, whatever its days.
    Scoring the same hours again gives the same rows, including created_at, until an input changes. A label that arrives
    late changes the cycles of its device: its hours in `days` are scored again, hours of older days after the next
    training.

    Args:
        home: data folder.
        site: `supervised` lists the tasks.
        days: hours that start in these days, both included; None for all.
        position: ledger position that caused the run; only due hours are scored. None: all hours of the days.
        now: aware UTC; created_at of new rows.

    Raises:
        Unreachable: the writer lock or the warehouse file was not available in time.
        CheckFailed: the files of a champion were changed, and no earlier version is intact.
    """
    import polars as pl

    started = time.monotonic()
    history = read_history(home)
    looked_at = [metric for config in site.supervised for metric in config.looked_at]
    labels = [each.label for each in history if each.superseded_at is None]
    with writer(home, site, "score tasks") as warehouse:
        ensure_predictions(warehouse.connection, home)
        over = over_hours(warehouse, site, now)
        due = due_hours(over, home, site, history, days, position)
        over.note_open(due, "features", looked_at)
        tasks = [_Task(home, warehouse, config, labels, now) for config in site.supervised] if due.windows else []
        counts, alarms = [_counted(score_rows.no_score_rows())], score_rows.no_score_rows()
        for piece in due.pieces(warehouse.hours_of(due, looked_at, _ROWS)):
            before = warehouse.read_windows(piece)
            rows = TABLE.replace(warehouse, piece, _rows(over, tasks, piece, before, now), before, now, piece)
            counts.append(_counted(rows))
            alarms = pl.concat([alarms, rows.filter("is_alarm")]).sort("window_start", descending=True).head(_ALARMS)
        over.settle(SCORES)
        if tasks:
            ground_truth.publish_ground_truth(
                home, [ground_truth.read_ground_truth(warehouse, each.config, labels, now) for each in tasks]
            )
    return _report(due, pl.concat(counts), alarms, tasks, time.monotonic() - started)


class _Task:
    """A task with its cycles and its champions over time; each model is loaded once."""

    def __init__(
        self, home: Home, warehouse: Warehouse, config: TaskConfig, labels: Sequence[Label], now: datetime
    ) -> None:
        self.home, self.config = home, config
        self.periods = task_models.sound_periods(home, config.name, now)
        self.note = "" if self.periods else "no model yet: it waits for training or for `models add`"
        self.cycles: tuple[Cycle, ...] = ()
        self._models: dict[str, TaskModel | None] = {}
        if config.has_cycles and self.periods:
            self.cycles = cycles_of(device_spans(warehouse, config.looked_at), label_events(labels, config))

    def model(self, period: TaskPeriod) -> TaskModel | None:
        """The verified model of a period; None where it cannot be used any more, so that its rows stay as they are.

        Raises:
            CheckFailed: the files of the current champion were changed.
        """
        if period.version not in self._models:
            self._models[period.version] = self._load(period)
        return self._models[period.version]

    def _load(self, period: TaskPeriod) -> TaskModel | None:
        try:
            model = task_models.load(self.home, self.config.name, period.version, period.card_sha256)
        except version_files.Unusable as error:
            if period.version == self.periods[-1].version:
                raise
            self.note = f"hours of an earlier model are kept as they were: {error.message}"
            return None
        if model.card.inputs_sha256 == sources_sha256(self.config.sources):
            return model
        self.note = "a model was made for other inputs than site.yaml names: its hours are kept as they were"
        return None


def _rows(over: OverHours, tasks: list[_Task], due: Due, before: "pl.DataFrame", now: datetime) -> "pl.DataFrame":
    import polars as pl

    positions = {start: built.position for start, built in due.windows.items()}
    parts = [score_rows.no_score_rows()]
    for task in tasks:
        if not task.periods:
            continue
        rows = read_due_rows(over, task.config, due, task.cycles)
        rows = rows.where(_is_outside_failures(task, rows)) if task.config.has_cycles else rows
        for period, some in _by_period(task, rows):
            model = task.model(period)
            fresh = some if model is None else some.where(_is_fresh(model, some))
            parts.append(
                _existing_rows(before, task, some)
                if model is None
                else score_rows.make_score_rows(model, fresh, positions, now)
            )
    return pl.concat(parts).sort(score_rows.KEYS)


def _existing_rows(before: "pl.DataFrame", task: _Task, rows: TaskRows) -> "pl.DataFrame":
    """Existing score rows of these hours, of any model."""
    import polars as pl

    if not before.width:
        return score_rows.no_score_rows()
    keys = pl.DataFrame({"device_id": rows.device.tolist(), "window_start": score_rows.hour_starts(rows.hour)})
    own = before.filter(pl.col("task") == task.config.name).select(score_rows.COLUMNS)
    return own.join(keys, on=["device_id", "window_start"], how="semi")


def _is_outside_failures(task: _Task, rows: TaskRows) -> "npt.NDArray[np.bool_]":
    """Whether rows are outside of failures; during a failure there is nothing to predict."""
    return cycle_starts(rows.device, rows.hour, task.cycles) >= 0


def _by_period(task: _Task, rows: TaskRows) -> Iterator[tuple[TaskPeriod, TaskRows]]:
    """TaskRows by the champion period of their hour."""
    import numpy as np

    hours = np.unique(rows.hour)
    charge = np.array([task.periods.index(_period_of(task.periods, int(hour))) for hour in hours], dtype=np.int64)
    own = charge[np.searchsorted(hours, rows.hour)]
    for number in np.unique(own):
        yield task.periods[number], rows.where(own == number)


def _is_fresh(model: TaskModel, rows: TaskRows) -> "npt.NDArray[np.bool_]":
    """Whether rows are newer than the training data of the model."""
    seen = model.card.trained_to
    fresh: npt.NDArray[np.bool_] = rows.hour * HOUR > (to_micros(seen) if seen else -1)
    return fresh


def _period_of(found: tuple[TaskPeriod, ...], hour: int) -> TaskPeriod:
    return champions.champion_at(found, datetime.fromtimestamp(hour * 3600, UTC))


def _counted(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Counts of a piece for the report."""
    import polars as pl

    sums = (pl.len().alias("rows"), pl.col("is_alarm").sum().alias("alarms"), pl.col("window_start").max())
    return rows.group_by("task", "device_id").agg(sums)


def _report(
    due: Due, counts: "pl.DataFrame", alarms: "pl.DataFrame", tasks: list[_Task], seconds: float
) -> TaskScoreReport:
    import polars as pl

    by_task: list[Row] = []
    for task in tasks:
        own = counts.filter(pl.col("task") == task.config.name)
        by_task.append(
            {
                "task": task.config.name,
                "rows": int(own["rows"].sum()),
                "devices": own["device_id"].n_unique(),
                "alarms": int(own["alarms"].sum()),
                "note": task.note,
            }
        )
    newest: datetime | None = counts["window_start"].max()  # type: ignore[assignment]  # Polars types it as any literal
    return TaskScoreReport(
        windows=len(due.windows),
        rows=int(counts["rows"].sum()),
        newest_hour=utc(newest),
        by_task=tuple(by_task),
        alarms=tuple(alarms.select("task", "device_id", "window_start", "value", "reason").to_dicts()),
        seconds=seconds,
    )
