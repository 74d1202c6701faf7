"""Keep the table `features` up to readings_1h: the dirty hours, each with the 168 hours before it."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.days import Days
from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.reports import FeaturesReport, Row, utc
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import Due, Warehouse, writer

if TYPE_CHECKING:
    import polars as pl

MODEL = "features"
_HOUR = timedelta(hours=1)
_ROWS = 1_000_000
"""Approximate number of feature rows of one metric made at once: bounds memory for any range and fleet."""


def build_features(
    home: Home, site: PredictSite, days: Days | None = None, position: int | None = None
) -> FeaturesReport:
    """Bring `features` up to `readings_1h`, for the configured metrics.

    Args:
        home: data folder.
        site: the sections `forecast` and `supervised` list the metrics.
        days: hours that start in these days, both included; None for all.
        position: the ledger position that the run was planned for: only dirty hours. None: every hour of the days that
            ever had data.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    started = time.monotonic()
    metrics = looked_at(site)
    parts = []
    with writer(home, site, "features") as warehouse:
        _drop_table_of_other_columns(warehouse)
        new = _new_metrics(warehouse, metrics)
        due = warehouse.due(MODEL) if new else warehouse.due(MODEL, days, position)
        for piece in due.pieces(warehouse.hours_of(due, metrics, _ROWS * max(1, len(metrics)))):
            rows = _rows(warehouse, piece, metrics)
            warehouse.replace_windows(piece, rows)
            parts.append(_counted(rows))
    return _report(due, parts, new, time.monotonic() - started)


def catch_up(home: Home, site: PredictSite) -> None:
    """Build the features that are behind `readings_1h`: a training may be asked for before the next run of days.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    build_features(home, site, position=0)


def looked_at(site: PredictSite) -> tuple[str, ...]:
    """Metrics that forecasts or supervised tasks look at."""
    tasks = (metric for task in site.supervised for metric in task.looked_at)
    return tuple(dict.fromkeys([*site.forecast.looked_at, *tasks]))


def _drop_table_of_other_columns(warehouse: Warehouse) -> None:
    """Drop a table of another feature schema, so that no model is trained on rows of two schemas."""
    known = warehouse.connection.execute("select 1 from duckdb_tables() where table_name = ?", [MODEL]).fetchall()
    if known:
        columns = {name for name, *_ in warehouse.connection.execute(f"describe {MODEL}").fetchall()}
        if columns != set(features.COLUMNS):
            warehouse.connection.execute(f"drop table {MODEL}")
            warehouse.connection.execute("delete from state where model = ?", [MODEL])


def _new_metrics(warehouse: Warehouse, metrics: Sequence[str]) -> tuple[str, ...]:
    """Metrics that have hours but no features: they were configured later, so none of their hours is dirty."""
    known = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not {MODEL, "readings_1h"} <= known:
        return ()
    found = warehouse.connection.execute(
        "select m.metric from (select unnest(?::varchar[]) as metric) m"
        " where exists (select 1 from readings_1h r where r.metric = m.metric and isfinite(r.mean))"
        " and not exists (select 1 from features f where f.metric = m.metric)",
        [list(metrics)],
    ).fetchall()
    return tuple(sorted(name for (name,) in found))


def _rows(warehouse: Warehouse, due: Due, metrics: Sequence[str]) -> "pl.DataFrame":
    import polars as pl

    if not due.windows or not metrics:
        return features.empty()
    first, last = due.starts[0], due.starts[-1]
    wanted = pl.Series([start.replace(tzinfo=None) for start in due.starts], dtype=pl.Datetime("us"))
    parts = [features.empty()]
    for metric in sorted(metrics):  # one after the other: memory for one metric
        hours = warehouse.read_hours(first - features.WIDEST_LAG_HOURS * _HOUR, last + _HOUR, [metric])
        made = features.rows(features.build(hours), metric)
        parts.append(made.filter(pl.col("window_start").is_in(wanted.implode())))
    return pl.concat(parts)


def _counted(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Rows and newest hour of each metric and device, for the report."""
    import polars as pl

    return rows.group_by("metric", "device_id").agg(pl.len().alias("rows"), pl.col("window_start").max())


def _report(due: Due, parts: "list[pl.DataFrame]", new: tuple[str, ...], seconds: float) -> FeaturesReport:
    import polars as pl

    rows = pl.concat(parts)
    counts = rows.group_by("metric").agg(pl.col("rows").sum(), pl.col("device_id").n_unique().alias("devices"))
    by_metric: list[Row] = counts.sort("metric").to_dicts()
    newest: datetime | None = rows["window_start"].max()  # type: ignore[assignment]  # Polars types it as any literal
    return FeaturesReport(
        windows=len(due.windows),
        rows=int(rows["rows"].sum()),
        newest_hour=utc(newest),
        by_metric=tuple(by_metric),
        new_metrics=new,
        seconds=seconds,
    )
