"""Keep the table `predictions` up to `features`: each hour is forecast by the model that was the champion then."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.home import Home
from sensor_platform.kernel.clock import plain_utc, to_micros
from sensor_platform.kernel.days import Days
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.features.read_panels import read_source
from sensor_platform.predict.forecast import predict
from sensor_platform.predict.forecast.due_forecasts import (
    PREDICTIONS,
    Periods,
    due_forecasts,
    due_hours_of,
    hours_by_champion,
)
from sensor_platform.predict.forecast.forecaster_registry import ForecasterPeriod, forecasters
from sensor_platform.predict.lightgbm_import import import_lightgbm_alone
from sensor_platform.predict.over_hours import OverHours, over_hours
from sensor_platform.predict.registry.version_files import OtherInputs, Unusable
from sensor_platform.predict.reports import ForecastScoreReport, utc
from sensor_platform.predict.revised_table import RevisedTable
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.tables import Due, writer

if TYPE_CHECKING:
    import polars as pl

TABLE = RevisedTable(PREDICTIONS, "predictions_superseded", predict.KEYS, "issued_at")
_HOUR = timedelta(hours=1)
_ROWS = 1_000_000
"""Approximate number of forecasts computed at once: memory grows neither with the range nor with the fleet."""


def score(
    home: Home, site: PredictSite, days: Days | None = None, position: int | None = None, *, now: datetime
) -> ForecastScoreReport:
    """Bring `predictions` up to `features`, for the hours of a device that are over (`over_hours`).

    An hour that was left out is forecast by the first scoring after it is over, whatever the days of that scoring.
    Scoring the same hours again gives the same rows, created_at included, until a feature of theirs changes: a younger
    model never takes over an hour that an older one has served.

    Args:
        home: data folder.
        site: `forecast.metrics` lists what is forecast.
        days: forecasts issued in these days, both included; None for all. Hours that were left out come in addition.
        position: the ledger position that the run was planned for: only dirty hours, and hours that waited for a first
            model. None: every hour of the days.
        now: aware UTC; created_at of new rows.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        CheckFailed: a champion's files are not what was promoted, and no earlier version is intact.
    """
    started = time.monotonic()
    import_lightgbm_alone()
    periods = {metric: forecasters.sound_periods(home, metric, now) for metric in site.forecast.metrics}
    with writer(home, site, "score") as warehouse:
        over = over_hours(warehouse, site, now)
        due = due_forecasts(over, site, periods, days, position)
        ensure_predictions(warehouse.connection, home)
        rest = warehouse.due(TABLE.superseded, days, position)
        every = Due(PREDICTIONS, {**rest.windows, **due.windows})
        scoring = _Scoring(home, over, periods, now)
        over.note_open(due, "features", site.forecast.metrics)
        values = _ROWS // max(1, len(site.forecast.horizons))
        for piece in every.pieces(warehouse.hours_of(every, site.forecast.metrics, values)):
            own = Due(PREDICTIONS, {start: due.windows[start] for start in piece.windows if start in due.windows})
            scoring.score_piece(own, piece)
        over.settle(PREDICTIONS)
    return scoring.tally.report(len(due.windows), time.monotonic() - started)


_Model = tuple[str, str | None, str]
"""Metric, model and note."""


@dataclass(slots=True)
class ForecastTally:
    """Counts of forecasts by model and by served candidate, so that the forecasts need not be kept for the report."""

    _rows: Counter[_Model] = field(default_factory=Counter)
    _devices: dict[_Model, set[str]] = field(default_factory=dict)
    _served: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    _newest: datetime | None = None

    def add(self, metric: str, model_id: str | None, rows: "pl.DataFrame", note: str) -> None:
        """Count the rows of one metric and model."""
        import polars as pl

        key = (metric, model_id, note)
        self._rows[key] += rows.height
        self._devices.setdefault(key, set()).update(rows["device_id"].unique())
        served = rows.group_by("metric", "horizon_hours", "served").agg(pl.len())
        self._served.update({(one, horizon, name): count for one, horizon, name, count in served.iter_rows()})
        newest: datetime | None = rows["issued_at"].max()  # type: ignore[assignment]  # Polars types it as any literal
        self._newest = max((at for at in (self._newest, newest) if at is not None), default=None)

    def report(self, windows: int, seconds: float) -> ForecastScoreReport:
        """The counts as a report."""
        return ForecastScoreReport(
            windows=windows,
            rows=sum(self._rows.values()),
            newest_issued_at=utc(self._newest),
            by_model=tuple(
                {"metric": key[0], "model_id": key[1], "rows": rows, "devices": len(self._devices[key]), "note": key[2]}
                for key, rows in self._rows.items()
            ),
            by_served=tuple(
                {"metric": metric, "horizon_hours": horizon, "served": served, "rows": rows}
                for (metric, horizon, served), rows in sorted(self._served.items())
            ),
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class _Scoring:
    """What the pieces of one scoring have in common."""

    home: Home
    over: OverHours
    periods: Periods
    now: datetime
    tally: ForecastTally = field(default_factory=ForecastTally)

    def score_piece(self, due: Due, every: Due) -> None:
        """Make the forecasts of the due hours; `every` also has hours of which only superseded rows are due."""
        before = self.over.warehouse.read_windows(due)
        TABLE.replace(self.over.warehouse, due, self._predictions(due, before), before, self.now, every)

    def _predictions(self, due: Due, before: "pl.DataFrame") -> "pl.DataFrame":
        """Rows of all due hours."""
        import polars as pl

        parts = [predict.empty()]
        for metric, found in self.periods.items():
            if not found:
                self.tally.add(metric, None, predict.empty(), "no model yet: it waits for training")
                continue
            hours = due_hours_of(due, found[0])
            for period, theirs in hours_by_champion(found, hours):
                rows, note = self._of_period(metric, period, theirs, before, is_champion=period == found[-1])
                parts.append(rows)
                self.tally.add(metric, forecasters.model_id(metric, period.version), rows, note)
        positions = {
            plain_utc(at): due.windows[start].position
            for at, start in zip(due.starts, sorted(due.windows), strict=True)
        }
        return predict.with_positions(pl.concat(parts).sort(predict.KEYS), positions)

    def _of_period(
        self,
        metric: str,
        period: ForecasterPeriod,
        hours: Sequence[datetime],
        before: "pl.DataFrame",
        *,
        is_champion: bool,
    ) -> "tuple[pl.DataFrame, str]":
        """Forecasts of one metric's hours by the version that serves them, and a note for the report.

        Where an earlier version cannot be used any more, its forecasts are kept.
        """
        import polars as pl

        try:
            model = forecasters.load(self.home, metric, period.version, period.card_sha256)
        except Unusable as error:
            if is_champion and not isinstance(error, OtherInputs):
                raise
            wanted = pl.Series([plain_utc(hour) for hour in hours], dtype=pl.Datetime("us"))
            return predict.of_hours(before, metric, wanted), f"kept as they were: {error.message}"
        first, last = hours[0] - HOURLY.reach * _HOUR, hours[-1]
        source = read_source(self.over, metric, model.card.others, first, last)
        rules = period.rules or model.card.rules
        rows = predict.predictions(source, _elements(source, hours), metric, model, rules, self.now)
        return rows, "forecast where the target lies after trained_to"


def _elements(source: PanelSource, hours: Sequence[datetime]) -> Ints:
    """Elements of the metric's panel at these hours."""
    wanted = np.array([to_micros(hour) // HOURLY.step_us for hour in hours], dtype=np.int64)
    rows = source.panel.rows
    return rows[np.isin(source.panel.step[rows], wanted)]
