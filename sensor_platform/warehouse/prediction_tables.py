"""Tables of what models say, made empty, so that analysts have them before there is a model."""

from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.warehouse.lineage import SAID

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PREDICTIONS = """
create table if not exists predictions (
    device_id varchar, metric varchar, issued_at timestamp, horizon_hours integer, target_at timestamp, served varchar,
    value double, lower double, upper double, "interval" double, persistence double, seasonal_naive double,
    weekly_naive double, linear double, average double, lightgbm double, raw_lower double, raw_upper double,
    width double, model_id varchar, trained_to timestamp, inputs_position bigint, revision integer, created_at timestamp
)
"""

_SUPERVISED = """
create table if not exists supervised_scores (
    task varchar, device_id varchar, window_start timestamp, kind varchar, value double, class varchar,
    probabilities varchar, lower double, upper double, threshold double, is_alarm boolean, reason varchar,
    missing_inputs integer, model_id varchar, trained_to timestamp, inputs_position bigint, revision integer,
    created_at timestamp
)
"""

_SUPERSEDED = "create table if not exists {0}_superseded as select *, null::timestamp as superseded_at from {1} limit 0"


_ANOMALIES = """
create table if not exists anomalies (
    device_id varchar, metric varchar, window_start timestamp, value double, expected double, deviation double,
    band double, residual double, score double, threshold double, served varchar, is_anomaly boolean,
    direction varchar, reason varchar
)
"""


def ensure_predictions(connection: "DuckDBPyConnection", home: Home | None = None) -> None:
    """Create the tables of what models say, so that analysts have them before there is a model.

    Args:
        connection: of the warehouse.
        home: data folder whose published pieces a new file takes them from; None to begin empty.
    """
    if home is not None:
        for table in SAID:
            _take_back(connection, home, table)
    for statement in (
        _PREDICTIONS,
        "alter table predictions add column if not exists inputs_position bigint",  # of a table of an older shape
        _ANOMALIES,
        _SUPERVISED,
        _SUPERSEDED.format("predictions", "predictions"),
        _SUPERSEDED.format("supervised", "supervised_scores"),
    ):
        connection.execute(statement)


def _take_back(connection: "DuckDBPyConnection", home: Home, table: str) -> None:
    """What was published of a table that this file does not have: scored again it keeps its revisions and times."""
    pieces = [str(path) for path in sorted((home.published / table).glob("day=*/*.parquet"))]
    known = connection.execute("select 1 from duckdb_tables() where table_name = ?", [table]).fetchall()
    if pieces and not known:
        connection.execute(
            f"create table {table} as select * from read_parquet(?, union_by_name = true, hive_partitioning = false)",  # noqa: S608 - our own names
            [pieces],
        )
