"""DDL of the prediction, score and anomaly tables: they exist, empty, before there is a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.warehouse.candidate_columns import CANDIDATE_COLUMNS
from sensor_platform.warehouse.lineage import IRREPRODUCIBLE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PREDICTION_COLUMNS = (
    *(("device_id", "varchar"), ("metric", "varchar"), ("issued_at", "timestamp"), ("horizon_hours", "integer")),
    *(("target_at", "timestamp"), ("served", "varchar")),
    *((name, "double") for name in ("value", "lower", "upper", "interval", *CANDIDATE_COLUMNS)),
    *(("raw_lower", "double"), ("raw_upper", "double"), ("width", "double"), ("model_id", "varchar")),
    *(("trained_to", "timestamp"), ("inputs_position", "bigint"), ("revision", "integer"), ("created_at", "timestamp")),
)
_PREDICTIONS = "create table if not exists predictions ({})".format(
    ", ".join(f'"{name}" {kind}' for name, kind in PREDICTION_COLUMNS)
)
_SUPERSEDED_PREDICTIONS = "predictions_superseded"
PREDICTION_TABLES = frozenset({"predictions", _SUPERSEDED_PREDICTIONS})
"""Tables with the columns of a forecast; the second has more."""
_FIRST_NAME = "prediction_history"
"""Name of `predictions_superseded` in warehouse files from before it was published."""

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


def in_force_at_target(columns: Sequence[str]) -> str:
    """SQL for the forecasts in force when the hour began that they are about: all that the live record is made of.

    A revision that was made later is hindsight, whoever made it: a late reading, or a first model over its past. Each
    forecast has at most one such revision.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    return f"""\
select {names} from predictions where created_at < target_at
union all
select {names} from {_SUPERSEDED_PREDICTIONS} where created_at < target_at and superseded_at >= target_at"""  # noqa: S608


def ensure_predictions(connection: "DuckDBPyConnection", home: Home | None = None) -> None:
    """Create the tables of predictions and scores, or bring those of an older version to today's columns.

    Args:
        connection: to the warehouse.
        home: data folder, whose published files fill a table that a new warehouse file lacks; None to begin empty.
    """
    if home is not None:
        for table in IRREPRODUCIBLE:
            _take_back(connection, home, table)
    for statement in (
        _PREDICTIONS,
        _ANOMALIES,
        _SUPERVISED,
        _SUPERSEDED.format("predictions", "predictions"),
        _SUPERSEDED.format("supervised", "supervised_scores"),
    ):
        connection.execute(statement)
    _adopt_first_name(connection)
    for table in ("predictions", _SUPERSEDED_PREDICTIONS):
        _add_columns(connection, table)


def _adopt_first_name(connection: "DuckDBPyConnection") -> None:
    """Move the rows of `prediction_history` to `predictions_superseded`."""
    if connection.execute("select 1 from duckdb_tables() where table_name = ?", [_FIRST_NAME]).fetchall():
        connection.execute(f"insert into {_SUPERSEDED_PREDICTIONS} by name from {_FIRST_NAME}")
        connection.execute(f"drop table {_FIRST_NAME}")


def _add_columns(connection: "DuckDBPyConnection", table: str) -> None:
    """Add columns that the table was made without: a new candidate, or `revision` and `inputs_position`."""
    known = {name for name, *_ in connection.execute(f"describe {table}").fetchall()}
    for name, kind in PREDICTION_COLUMNS:
        if name not in known:
            connection.execute(f'alter table {table} add column "{name}" {kind}')
    if "revision" not in known:
        connection.execute(f"update {table} set revision = 0")  # noqa: S608 - our own names


def _take_back(connection: "DuckDBPyConnection", home: Home, table: str) -> None:
    """Fill a table that the file does not have from its published files, so that revisions and times are kept."""
    pieces = [str(path) for path in sorted((home.published / table).glob("day=*/*.parquet"))]
    known = connection.execute("select 1 from duckdb_tables() where table_name = ?", [table]).fetchall()
    if pieces and not known:
        connection.execute(
            f"create table {table} as select * from read_parquet(?, union_by_name = true, hive_partitioning = false)",  # noqa: S608 - our own names
            [pieces],
        )
