"""Which hours are forecast in a scoring, and by which champion."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sensor_platform.kernel.clock import plain_utc
from sensor_platform.kernel.days import Days
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.forecast.forecaster_registry import ForecasterPeriod
from sensor_platform.predict.over_hours import OverHours
from sensor_platform.predict.registry.champions import champion_at
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import Due

PREDICTIONS = "predictions"
Periods = Mapping[str, tuple[ForecasterPeriod, ...]]
"""Champion periods by metric, oldest first."""
_HOUR = timedelta(hours=1)


def due_forecasts(over: OverHours, site: PredictSite, periods: Periods, days: Days | None, position: int | None) -> Due:
    """Dirty hours of these days, hours that waited for the first model of their metric, and hours that were left out.

    Args:
        over: which hours are over, in the open warehouse.
        site: as of `score`.
        periods: champion periods by metric.
        days: as of `score`. Hours that were left out come in addition, whatever their day.
        position: as of `score`.
    """
    return over.with_waiting(_due(over, site, periods, days, position))


def _due(over: OverHours, site: PredictSite, periods: Periods, days: Days | None, position: int | None) -> Due:
    warehouse = over.warehouse
    due = warehouse.due(PREDICTIONS, days, position)
    late = set() if position is None else set(_waited_for_first_model(over, site, periods))
    if not late:
        return due
    every = warehouse.due(PREDICTIONS, days)
    starts = dict(zip(every.starts, sorted(every.windows), strict=True))
    return Due(PREDICTIONS, {**due.windows, **{starts[at]: every.windows[starts[at]] for at in late if at in starts}})


def _waited_for_first_model(over: OverHours, site: PredictSite, periods: Periods) -> Iterator[datetime]:
    """Hours whose features were made before their metric had a model: they are not dirty, but have no forecast."""
    connection = over.warehouse.connection
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not {"features", PREDICTIONS} <= tables:
        return
    for metric, found in periods.items():
        if not found:
            continue
        oldest = found[0].serves_from - max(site.forecast.horizons) * _HOUR
        hours = connection.execute(
            "select distinct f.window_start from features as f"  # noqa: S608 - our own names
            " where f.metric = ? and f.window_start > ? and f.window_start <= ?"
            f" and {over.condition('f.device_id', 'f.window_start')}"
            " except select issued_at from predictions where metric = ?",
            [metric, plain_utc(oldest), plain_utc(found[0].promoted_at), metric],
        ).fetchall()
        yield from (at.replace(tzinfo=UTC) for (at,) in hours)


def due_hours_of(due: Due, first: ForecasterPeriod) -> list[datetime]:
    """Due hours, oldest first, from the first one that could have a forecast after the first model's training."""
    oldest = first.serves_from - HOURLY.reach * _HOUR
    return [start for start in due.starts if start > oldest]


def hours_by_champion(
    found: tuple[ForecasterPeriod, ...], hours: Sequence[datetime]
) -> Iterator[tuple[ForecasterPeriod, list[datetime]]]:
    """Hours grouped by the champion period that serves them."""
    theirs: dict[int, list[datetime]] = {}
    for hour in hours:
        theirs.setdefault(found.index(champion_at(found, hour)), []).append(hour)
    for number, some in theirs.items():
        yield found[number], some
