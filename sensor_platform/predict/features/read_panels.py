"""Reads feature rows from the warehouse as panels."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import from_micros, to_micros
from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.features.panel import Panel
from sensor_platform.predict.over_hours import OverHours
from sensor_platform.warehouse.tables import Warehouse

if TYPE_CHECKING:
    import polars as pl

LEARNT_FROM = 4_000_000
"""Maximum number of hourly values, of a metric and the others together, that a training reads: bounds memory for any
fleet. A backtest draws far fewer examples from them; the network mean is still that of all devices."""


def read_source(over: OverHours, metric: str, others: Sequence[str], first: datetime, last: datetime) -> PanelSource:
    """Panels of a metric and of the others, from feature rows with `first <= window_start <= last` that are over.

    Args:
        over: which hours are over, in the open warehouse.
        metric: the one to forecast.
        others: further metrics.
        first: aware UTC.
        last: aware UTC.
    """
    if not _has_features(over.warehouse):
        return PanelSource(features.load(features.empty()), {name: features.load(features.empty()) for name in others})
    panels = {name: _panel(over, name, first, last, None) for name in (metric, *others)}
    return PanelSource(panels[metric], {name: panels[name] for name in others})


def read_to_learn(
    over: OverHours, metric: str, others: Sequence[str], first: datetime, last: datetime, most: int = LEARNT_FROM
) -> PanelSource:
    """Panels for a training: as many devices as fit into `most` values, and only others that share a device."""
    if not _has_features(over.warehouse):
        return PanelSource(features.load(features.empty()), {})
    devices = _devices(over.warehouse, metric, first, last, most // (1 + len(others)))
    panels = {name: _panel(over, name, first, last, devices) for name in (metric, *others)}
    own = set(panels[metric].devices)
    return PanelSource(panels[metric], {name: panels[name] for name in others if own & set(panels[name].devices)})


def _has_features(warehouse: Warehouse) -> bool:
    found = warehouse.connection.execute("select 1 from duckdb_tables() where table_name = 'features'").fetchall()
    return bool(found)


def _devices(warehouse: Warehouse, metric: str, first: datetime, last: datetime, most: int) -> list[str] | None:
    """Devices with about `most` values, at least one, drawn by a hash of their names; None where all are few enough."""
    found = warehouse.connection.execute(
        "select device_id, sum(count(*)) over (order by md5(device_id)) from features"
        " where metric = ? and window_start >= ? and window_start <= ? group by device_id order by 2",
        [metric, from_micros(to_micros(first)), from_micros(to_micros(last))],
    ).fetchall()
    if not found or found[-1][1] <= most:
        return None
    return [device for device, values in found if values <= most] or [found[0][0]]


def _panel(over: OverHours, metric: str, first: datetime, last: datetime, devices: Sequence[str] | None) -> Panel:
    rows: pl.DataFrame = over.warehouse.connection.sql(
        "select f.* from features as f where f.metric = ?"  # noqa: S608 - our own names
        " and f.window_start >= ? and f.window_start <= ?"
        " and (? is null or f.device_id in (select unnest(?::varchar[])))"
        f" and {over.condition('f.device_id', 'f.window_start')}",
        params=[metric, from_micros(to_micros(first)), from_micros(to_micros(last)), *[devices] * 2],
    ).pl()
    return features.load(rows.select(features.COLUMNS))
