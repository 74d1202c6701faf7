"""Keep the table `predictions` up to `features`: each hour is forecast by the model that was in charge of it."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.home import Home
from sensor_platform.kernel.clock import plain_utc, to_micros
from sensor_platform.kernel.days import Days
from sensor_platform.predict import revisions
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.matrix import Source
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.features.read_panels import read_source
from sensor_platform.predict.forecast import predict as scorer
from sensor_platform.predict.forecast.forecaster_registry import ForecasterPeriod, forecasters
from sensor_platform.predict.forecast.score_tally import Tally
from sensor_platform.predict.lightgbm_import import import_lightgbm_alone
from sensor_platform.predict.registry.champions import champion_at
from sensor_platform.predict.registry.version_files import OtherInputs, Unusable
from sensor_platform.predict.reports import ScoreReport
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.tables import Due, Warehouse, writer

if TYPE_CHECKING:
    import polars as pl

MODEL = "predictions"
SUPERSEDED = "predictions_superseded"
_HOUR = timedelta(hours=1)
_ROWS = 1_000_000
"""Forecasts that are made at once, about: memory grows neither with the range nor with the fleet."""
Periods = dict[str, tuple[ForecasterPeriod, ...]]


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
        CheckFailed: a champion's files are not what was promoted, and no version before it is sound.
    """
    started = time.monotonic()
    import_lightgbm_alone()
    periods = {metric: forecasters.sound_periods(home, metric, now) for metric in site.forecast.metrics}
    with writer(home, site, "score") as warehouse:
        due = _due(warehouse, site, periods, days, position)
        ensure_predictions(warehouse.connection, home)
        every = _joined(due, warehouse.due(SUPERSEDED, days, position))
        values = _ROWS // max(1, len(site.forecast.horizons))
        tally = Tally()
        for piece in every.pieces(warehouse.hours_of(every, site.forecast.metrics, values)):
            own = Due(MODEL, {start: due.windows[start] for start in piece.windows if start in due.windows})
            _score_piece(home, warehouse, own, piece, periods, now, tally)
    return tally.report(len(due.windows), time.monotonic() - started)


def _score_piece(
    home: Home, warehouse: Warehouse, due: Due, every: Due, periods: Periods, now: datetime, tally: Tally
) -> None:
    before = warehouse.read_windows(due)
    rows = _predictions(home, warehouse, due, periods, before, now, tally)
    gone = scorer.superseded(rows, before, now)
    revisions.keep(warehouse, every, SUPERSEDED, scorer.KEYS, gone, "issued_at")
    # A model that came later changes hours without new evidence, which is what publish goes by.
    warehouse.publish_again(MODEL, scorer.changed_hours(rows, before))
    warehouse.replace_windows(due, rows)


def _due(warehouse: Warehouse, site: PredictSite, periods: Periods, days: Days | None, position: int | None) -> Due:
    due = warehouse.due(MODEL, days, position)
    late = set() if position is None else set(_waited_for_first_model(warehouse, site, periods))
    if not late:
        return due
    every = warehouse.due(MODEL, days)
    starts = dict(zip(every.starts, sorted(every.windows), strict=True))
    return Due(MODEL, {**due.windows, **{starts[at]: every.windows[starts[at]] for at in late if at in starts}})


def _waited_for_first_model(warehouse: Warehouse, site: PredictSite, periods: Periods) -> Iterator[datetime]:
    """Hours that had features before their metric had a model: not dirty, and yet without a forecast."""
    tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not {"features", MODEL} <= tables:
        return
    for metric, found in periods.items():
        if not found:
            continue
        oldest = found[0].serves_from - max(site.forecast.horizons) * _HOUR
        hours = warehouse.connection.execute(
            "select distinct window_start from features where metric = ? and window_start > ? and window_start <= ?"
            " except select issued_at from predictions where metric = ?",
            [metric, plain_utc(oldest), plain_utc(found[0].promoted_at), metric],
        ).fetchall()
        yield from (at.replace(tzinfo=UTC) for (at,) in hours)


def _predictions(
    home: Home,
    warehouse: Warehouse,
    due: Due,
    periods: Periods,
    before: "pl.DataFrame",
    now: datetime,
    tally: Tally,
) -> "pl.DataFrame":
    """Rows of all due hours."""
    import polars as pl

    parts = [scorer.empty()]
    for metric, found in periods.items():
        if not found:
            tally.add(metric, None, scorer.empty(), "no model yet: it waits for training")
            continue
        hours = _due_hours(due, found[0])
        for period, theirs in _by_period(found, hours):
            made, note = _one_period(
                home, warehouse, metric, period, theirs, before, now, is_champion=period == found[-1]
            )
            parts.append(made)
            tally.add(metric, forecasters.model_id(metric, period.version), made, note)
    rows = _with_positions(pl.concat(parts).sort(scorer.KEYS), due)
    return scorer.revised(rows, before)


def _with_positions(rows: "pl.DataFrame", due: Due) -> "pl.DataFrame":
    """Which ledger position the inputs of each forecast were built from, where it does not know yet."""
    import polars as pl

    known = pl.DataFrame(
        {
            "issued_at": [plain_utc(start) for start in due.starts],
            "position": [due.windows[start].position for start in sorted(due.windows)],
        },
        schema={"issued_at": pl.Datetime("us"), "position": pl.Int64},
    )
    joined = rows.join(known, on="issued_at", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("inputs_position", "position").alias("inputs_position")).select(rows.columns)


def _one_period(
    home: Home,
    warehouse: Warehouse,
    metric: str,
    period: ForecasterPeriod,
    hours: Sequence[datetime],
    before: "pl.DataFrame",
    now: datetime,
    *,
    is_champion: bool,
) -> "tuple[pl.DataFrame, str]":
    import polars as pl

    try:
        model = forecasters.load(home, metric, period.version, period.card_sha256)
    except Unusable as error:
        if is_champion and not isinstance(error, OtherInputs):
            raise
        wanted = pl.Series([plain_utc(hour) for hour in hours], dtype=pl.Datetime("us"))
        return scorer.of_hours(before, metric, wanted), f"kept as they were: {error.message}"
    first, last = hours[0] - HOURLY.reach * _HOUR, hours[-1]
    source = read_source(warehouse, metric, model.card.others, first, last)
    rules = period.rules or model.card.rules
    made = scorer.predictions(source, _elements(source, hours), metric, model, rules, now)
    return made, "forecast where the target lies after trained_to"


def _elements(source: Source, hours: Sequence[datetime]) -> Ints:
    wanted = np.array([to_micros(hour) // HOURLY.step_us for hour in hours], dtype=np.int64)
    rows = source.panel.rows
    return rows[np.isin(source.panel.step[rows], wanted)]


def _due_hours(due: Due, first: ForecasterPeriod) -> list[datetime]:
    """Due hours, oldest first, as far back as any forecast of them could lie after the first model's training."""
    oldest = first.serves_from - HOURLY.reach * _HOUR
    return [start for start in due.starts if start > oldest]


def _by_period(
    found: tuple[ForecasterPeriod, ...], hours: Sequence[datetime]
) -> Iterator[tuple[ForecasterPeriod, list[datetime]]]:
    theirs: dict[int, list[datetime]] = {}
    for hour in hours:
        theirs.setdefault(found.index(champion_at(found, hour)), []).append(hour)
    for number, some in theirs.items():
        yield found[number], some


def _joined(due: Due, rest: Due) -> Due:
    """The windows of both; those of `due` as it has them."""
    return Due(due.model, {**rest.windows, **due.windows})
