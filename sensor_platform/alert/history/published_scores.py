"""Published anomaly scores and forecasts, as series for rules of the kinds `anomaly` and `forecast`.

The score of an hour is the served anomaly score divided by its threshold: a value above 1 is an anomaly in the table.
The value for a forecast rule is the distance of the hour's mean from the newest forecast's band, in the metric's unit.
An hour is used once its series has a later one. Its event time and its arrival time are the end of the hour.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensor_platform.alert.replay_rules import Score
from sensor_platform.home import Home
from sensor_platform.stream.rules import OUTSIDE_OF, SCORE_OF, Rule
from sensor_platform.warehouse.published.published_file import open_published

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ANOMALIES = """
select device_id, metric, epoch_us(window_start) + 3600000000 as at, score / threshold as value
from anomalies
where score is not null and threshold > 0
    and window_start >= coalesce(make_timestamp(?), (select max(window_start) - interval 2 day from anomalies))
qualify window_start < max(window_start) over (partition by device_id, metric)
"""
_FORECASTS = """
with scored as (
    select
        device_id, metric, target_at,
        arg_max(lower, issued_at) as lower, arg_max(upper, issued_at) as upper, arg_max(actual, issued_at) as actual
    from prediction_accuracy
    where target_at >= coalesce(make_timestamp(?), (select max(target_at) - interval 2 day from prediction_accuracy))
        and actual is not null
    group by device_id, metric, target_at
)
select device_id, metric, epoch_us(target_at) + 3600000000 as at, greatest(lower - actual, actual - upper, 0.0) as value
from scored
where lower is not null and upper is not null
qualify target_at < max(target_at) over (partition by device_id, metric)
"""
_QUERIES = {SCORE_OF: _ANOMALIES, OUTSIDE_OF: _FORECASTS}
"""By prefix of the series."""


def read_scores(home: Home, rules: Sequence[Rule], since: int | None = 0) -> list[Score]:
    """Read the scores that rules of these kinds need, in order of time.

    Args:
        home: the data folder.
        rules: rules of the site.
        since: start of the first hour, microseconds; None for the newest two days that there are.
    """
    prefixes = {rule.series_prefix for rule in rules}
    wanted = [(prefix, sql) for prefix, sql in _QUERIES.items() if prefix in prefixes]
    if not wanted or not home.analytics_file.exists():
        return []
    found: list[Score] = []
    with open_published(home, threads=1) as connection:
        for prefix, sql in wanted:
            found += [
                (device, prefix + metric, at, value) for device, metric, at, value in _rows(connection, sql, since)
            ]
    return sorted(found, key=lambda row: (row[2], row[0], row[1]))


def _rows(connection: "DuckDBPyConnection", sql: str, since: int | None) -> list[tuple[str, str, int, float]]:
    import duckdb

    try:
        return connection.execute(sql, [since]).fetchall()
    except duckdb.CatalogException:
        return []  # nothing was scored or forecast yet
