"""Bring the table `anomalies` up to date with readings_1h: the hours that are due, each against the weeks before it."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import EPOCH
from sensor_platform.kernel.days import Days
from sensor_platform.predict.anomaly import anomaly_rows
from sensor_platform.predict.anomaly.anomaly_rows import REFERENCE, WEEK
from sensor_platform.predict.over_hours import OverHours, over_hours
from sensor_platform.predict.reports import AnomalyBuild, utc
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import Due, writer

if TYPE_CHECKING:
    import polars as pl

MODEL = "anomalies"
_HOUR = timedelta(hours=1)
_STRONGEST = 20
"""Number of rows in the report."""


def build_anomalies(
    home: Home, site: PredictSite, days: Days | None = None, position: int | None = None, *, now: datetime
) -> AnomalyBuild:
    """Bring `anomalies` up to date with `readings_1h`, week by week, so that memory does not grow with the range.

    Only hours that are over are scored. An hour that was left out is scored by the first call after it is over,
    whatever its days.

    Args:
        home: data folder.
        site: `anomaly.metrics`, or `forecast.metrics` where it is empty, are scored.
        days: hours that start in these days, both included; None for all.
        position: ledger position that caused the build; only dirty hours are built. None: all hours with data.
        now: aware UTC.

    Raises:
        Unreachable: the writer lock or the warehouse file was not available in time.
    """
    import polars as pl

    started = time.monotonic()
    counts, flagged = [_counted(anomaly_rows.no_anomaly_rows())], anomaly_rows.no_anomaly_rows()
    with writer(home, site, MODEL) as warehouse:
        over = over_hours(warehouse, site, now)
        dirty = warehouse.due(MODEL, days, position)
        due = over.with_waiting(dirty)
        over.note_open(due, "readings_1h", site.anomaly.metrics or site.forecast.metrics)
        # no new reading touched those that waited
        warehouse.publish_again(MODEL, [start for start in due.starts if start not in set(dirty.starts)])
        for week, piece in _weeks(due):
            rows = _rows(over, site, week, piece)
            warehouse.replace_windows(piece, rows)
            counts.append(_counted(rows))
            flagged = pl.concat([flagged, rows.filter("is_anomaly")]).sort("score", descending=True).head(_STRONGEST)
        over.settle(MODEL)
    return _report(due, pl.concat(counts), flagged, time.monotonic() - started)


def _weeks(due: Due) -> Iterator[tuple[int, Due]]:
    """Due hours by week; at least one piece, so that the table exists even if nothing is due."""
    if not due.windows:
        yield 0, due
        return
    for week in sorted({(start - EPOCH) // _HOUR // WEEK for start in due.starts}):
        first = EPOCH + week * WEEK * _HOUR
        yield week, due.between(first, first + WEEK * _HOUR)


def _rows(over: OverHours, site: PredictSite, week: int, due: Due) -> "pl.DataFrame":
    import polars as pl

    metrics = site.anomaly.metrics or site.forecast.metrics
    if not due.windows or not metrics:
        return anomaly_rows.no_anomaly_rows()
    first = EPOCH + week * WEEK * _HOUR
    hours = over.only_over(over.warehouse.read_hours(first - REFERENCE * _HOUR, due.starts[-1] + _HOUR, metrics))
    wanted = pl.Series([start.replace(tzinfo=None) for start in due.starts], dtype=pl.Datetime("us"))
    made = anomaly_rows.week_rows(hours, week, site.anomaly)
    return made.filter(pl.col("window_start").is_in(wanted.implode()))


def _counted(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Counts of a week for the report."""
    import polars as pl

    return rows.group_by("metric", "device_id").agg(
        pl.len().alias("rows"),
        pl.col("is_anomaly").sum().alias("flagged"),
        pl.col("window_start").max(),
        pl.col("threshold").last(),
    )


def _report(due: Due, counts: "pl.DataFrame", flagged: "pl.DataFrame", seconds: float) -> AnomalyBuild:
    import polars as pl

    by_metric = counts.group_by("metric").agg(
        pl.col("rows", "flagged").sum(),
        pl.col("device_id").n_unique().alias("devices"),
        pl.col("threshold").sort_by("window_start").last().alias("newest_threshold"),
    )
    newest: datetime | None = counts["window_start"].max()  # type: ignore[assignment]  # Polars types it as any literal
    return AnomalyBuild(
        windows=len(due.windows),
        rows=int(counts["rows"].sum()),
        flagged=int(counts["flagged"].sum()),
        newest_hour=utc(newest),
        by_metric=tuple(by_metric.sort("metric").to_dicts()),
        strongest=tuple(flagged.select("device_id", "metric", "window_start", "score", "reason").to_dicts()),
        seconds=seconds,
    )
