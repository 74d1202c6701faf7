"""Keep the table `predictions` up to `features`: each hour is forecast by the model that was in charge of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.predict import features, registry
from sensor_platform.predict import score as scorer
from sensor_platform.predict.registry import OtherInputs, Reign, Unusable
from sensor_platform.predict.reports import Row, ScoreReport, utc
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.spans import Days
from sensor_platform.warehouse.tables import Due, Warehouse, writer

if TYPE_CHECKING:
    import polars as pl

MODEL = "predictions"
_HOUR = timedelta(hours=1)
Reigns = dict[str, tuple[Reign, ...]]


def score(
    home: Home, site: PredictSite, days: Days | None = None, position: int | None = None, *, now: datetime
) -> ScoreReport:
    """Bring `predictions` up to `features`.

    Scoring the same hours again gives the same rows, created_at included, until a feature of theirs changes: a younger
    model never takes over an hour that an older one was in charge of.

    Args:
        home: data folder.
        site: `forecast.metrics` says what is forecast.
        days: forecasts issued in these days, both included; None for all.
        position: the evidence that asked for it: only dirty hours, and hours that waited for a first model. None: every
            hour of the days.
        now: aware UTC; created_at of new rows.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        CheckFailed: a champion's files are not what was promoted.
    """
    started = time.monotonic()
    reigns = {metric: registry.reigns(home, metric) for metric in site.forecast.metrics}
    with writer(home, site, "score") as warehouse:
        due = _due(warehouse, site, reigns, days, position)
        before = warehouse.read_windows(due)
        rows, models = _predictions(home, warehouse, due, reigns, before, now)
        # A model that came later changes hours without new evidence, which is what publish goes by.
        warehouse.publish_again(MODEL, scorer.changed_hours(rows, before))
        warehouse.replace_windows(due, rows)
    return _report(due, rows, models, time.monotonic() - started)


def _due(warehouse: Warehouse, site: PredictSite, reigns: Reigns, days: Days | None, position: int | None) -> Due:
    due = warehouse.due(MODEL, days, position)
    late = set() if position is None else set(_waited_for_first_model(warehouse, site, reigns))
    if not late:
        return due
    every = warehouse.due(MODEL, days)
    starts = dict(zip(every.starts, sorted(every.windows), strict=True))
    return Due(MODEL, {**due.windows, **{starts[at]: every.windows[starts[at]] for at in late if at in starts}})


def _waited_for_first_model(warehouse: Warehouse, site: PredictSite, reigns: Reigns) -> Iterator[datetime]:
    """Hours that had features before their metric had a model: not dirty, and yet without a forecast."""
    tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not {"features", MODEL} <= tables:
        return
    for metric, found in reigns.items():
        if not found:
            continue
        oldest = found[0].serves_from - max(site.forecast.horizons) * _HOUR
        hours = warehouse.connection.execute(
            "select distinct window_start from features where metric = ? and window_start > ? and window_start <= ?"
            " except select issued_at from predictions where metric = ?",
            [metric, _plain(oldest), _plain(found[0].promoted_at), metric],
        ).fetchall()
        yield from (at.replace(tzinfo=UTC) for (at,) in hours)


def _predictions(
    home: Home, warehouse: Warehouse, due: Due, reigns: Reigns, before: "pl.DataFrame", now: datetime
) -> "tuple[pl.DataFrame, tuple[Row, ...]]":
    """Rows of all due hours, and per metric and model what came of it."""
    import polars as pl

    parts, models = [scorer.empty()], []
    for metric, found in reigns.items():
        if not found:
            models.append(_model_row(metric, None, scorer.empty(), "no model yet: it waits for training"))
            continue
        for reign, rows in _by_reign(found, _features(warehouse, due, metric, found[0])):
            made, note = _one_reign(home, metric, reign, rows, before, now, is_champion=reign == found[-1])
            parts.append(made)
            models.append(_model_row(metric, registry.model_id(metric, reign.version), made, note))
    return scorer.keeping_created_at(pl.concat(parts).sort(scorer.KEYS), before), tuple(models)


def _one_reign(
    home: Home,
    metric: str,
    reign: Reign,
    rows: "pl.DataFrame",
    before: "pl.DataFrame",
    now: datetime,
    *,
    is_champion: bool,
) -> "tuple[pl.DataFrame, str]":
    try:
        model = registry.load(home, metric, reign.version, reign.card_sha256)
    except Unusable as error:
        if is_champion and not isinstance(error, OtherInputs):
            raise
        kept = scorer.of_hours(before, metric, rows["window_start"].unique())
        return kept, f"kept as they were: {error.message}"
    return scorer.predictions(rows, model, now), "forecast where the target lies after trained_to"


def _features(warehouse: Warehouse, due: Due, metric: str, first: Reign) -> "pl.DataFrame":
    """Feature rows of the due hours, as far back as any forecast of them could lie after the first model's training."""
    import polars as pl

    oldest = first.serves_from - features.WIDEST_LAG_HOURS * _HOUR
    starts = [_plain(start) for start in due.starts if start > oldest]
    if not starts:
        return features.empty()
    rows: pl.DataFrame = warehouse.connection.sql(
        "select * from features where metric = ? and window_start between ? and ?",
        params=[metric, starts[0], starts[-1]],
    ).pl()
    wanted = pl.Series(starts, dtype=pl.Datetime("us"))
    return rows.select(features.COLUMNS).filter(pl.col("window_start").is_in(wanted.implode()))


def _by_reign(found: tuple[Reign, ...], rows: "pl.DataFrame") -> "Iterator[tuple[Reign, pl.DataFrame]]":
    import polars as pl

    hours: dict[Reign, list[datetime]] = {}
    for hour in rows["window_start"].unique().sort():
        hours.setdefault(registry.in_charge(found, hour.replace(tzinfo=UTC)), []).append(hour)
    for reign, theirs in hours.items():
        wanted = pl.Series(theirs, dtype=pl.Datetime("us"))
        yield reign, rows.filter(pl.col("window_start").is_in(wanted.implode()))


def _model_row(metric: str, model_id: str | None, rows: "pl.DataFrame", note: str) -> Row:
    devices = rows["device_id"].n_unique()
    return {"metric": metric, "model_id": model_id, "rows": rows.height, "devices": devices, "note": note}


def _report(due: Due, rows: "pl.DataFrame", models: tuple[Row, ...], seconds: float) -> ScoreReport:
    import polars as pl

    served = rows.group_by("metric", "horizon_hours", "served").agg(pl.len().alias("rows"))
    newest: datetime | None = rows["issued_at"].max()  # type: ignore[assignment]  # Polars types it as any literal
    return ScoreReport(
        windows=len(due.windows),
        rows=rows.height,
        newest_issued_at=utc(newest),
        by_model=models,
        by_served=tuple(served.sort("metric", "horizon_hours", "served").to_dicts()),
        seconds=seconds,
    )


def _plain(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
