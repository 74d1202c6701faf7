"""Feature rows of the warehouse as the panels that models see."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sensor_platform.predict.features import table as features
from sensor_platform.predict.features.matrix import Source
from sensor_platform.predict.features.panel import Panel
from sensor_platform.warehouse.micros import from_micros, to_micros
from sensor_platform.warehouse.tables import Warehouse

if TYPE_CHECKING:
    import polars as pl


def read_source(
    warehouse: Warehouse, metric: str, others: Sequence[str], first: datetime, last: datetime, *, share: bool = False
) -> Source:
    """Panels of a metric and of the others, from feature rows with `first <= window_start <= last`.

    Args:
        warehouse: open.
        metric: the one to forecast.
        others: further metrics.
        first: aware UTC.
        last: aware UTC.
        share: keep only those others that share a device with the metric.
    """
    panels = {name: _panel(warehouse, name, first, last) for name in (metric, *others)}
    own = set(panels[metric].devices)
    kept = [name for name in others if not share or own & set(panels[name].devices)]
    return Source(panels[metric], {name: panels[name] for name in kept})


def _panel(warehouse: Warehouse, metric: str, first: datetime, last: datetime) -> Panel:
    if not warehouse.connection.execute("select 1 from duckdb_tables() where table_name = 'features'").fetchall():
        return features.load(features.empty())
    rows: pl.DataFrame = warehouse.connection.sql(
        "select * from features where metric = ? and window_start >= ? and window_start <= ?",
        params=[metric, from_micros(to_micros(first)), from_micros(to_micros(last))],
    ).pl()
    return features.load(rows.select(features.COLUMNS))
