"""Every query of docs/predictions.md runs on published tables and finds what it says it finds."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from sensor_platform.predict.anomaly import anomaly_rows
from sensor_platform.predict.forecast import predict
from sensor_platform.predict.supervised import score_rows
from sensor_platform.warehouse.published import labels_table, views
from sensor_platform.warehouse.published.task_tables import TASK_TABLES

DOC = Path(__file__).parents[2] / "docs/predictions.md"
QUERIES = re.findall(r"```sql\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
YESTERDAY = datetime.now(UTC).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
_TYPES: Mapping[Any, str] = {
    pl.String: "VARCHAR",
    pl.Float64: "DOUBLE",
    pl.Datetime: "TIMESTAMP",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
}
_FILL: Mapping[str, object] = {
    "VARCHAR": "x",
    "DOUBLE": 1.0,
    "TIMESTAMP": datetime(2026, 2, 1),  # noqa: DTZ001 - plain UTC, as in the tables
    "INTEGER": 1,
    "BIGINT": 1,
    "BOOLEAN": True,
}


def columns(schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _TYPES[type(kind)]) for name, kind in schema.items()]


TABLES = {
    "predictions": columns(predict.schema()),
    "predictions_superseded": [*columns(predict.schema()), ("superseded_at", "TIMESTAMP")],
    "readings_1h": [("device_id", "VARCHAR"), ("metric", "VARCHAR"), ("window_start", "TIMESTAMP"), ("mean", "DOUBLE")],
    "anomalies": columns(anomaly_rows.no_anomaly_rows().schema),
    "supervised_scores": columns(score_rows.no_score_rows().schema),
    "supervised_superseded": [*columns(score_rows.no_score_rows().schema), ("superseded_at", "TIMESTAMP")],
    **labels_table.TABLES,
    **TASK_TABLES,
}
GIVEN: Mapping[str, Mapping[str, object]] = {
    "predictions": {"target_at": YESTERDAY},
    "readings_1h": {"window_start": YESTERDAY},
    "supervised_scores": {
        "task": "pump",
        "window_start": YESTERDAY,
        "kind": "failure",
        "probabilities": '{"no": 0.25, "yes": 0.75}',
    },
    "supervised_answers": {"task": "pump", "first_at": YESTERDAY, "last_at": YESTERDAY, "answer": "yes"},
    "labels": {"label": "failure", "start_at": YESTERDAY + timedelta(hours=5)},
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One row in each table that the queries read."""
    folder = tmp_path_factory.mktemp("published")
    with duckdb.connect() as connection:
        for table, kinds in TABLES.items():
            views.write_columns(connection, folder, table, kinds, whole=False)
            row = {**{name: _FILL[kind] for name, kind in kinds}, **GIVEN.get(table, {})}
            (folder / table / "day=2026-02-01").mkdir()
            schema = {name: pl.Datetime("us") for name, kind in kinds if kind == "TIMESTAMP"}
            pl.DataFrame([row], schema_overrides=schema).write_parquet(folder / table / "day=2026-02-01/0000.parquet")
    views.write_views(folder, TABLES)
    return folder


def test_the_document_has_queries() -> None:
    assert len(QUERIES) >= 6


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(str(query).split())[:60])
def test_a_query_of_the_document_finds_its_row(published: Path, query: str) -> None:
    with duckdb.connect(str(published / "analytics.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        found = connection.execute(query)
        names = [name for name, *_ in found.description or ()]
        rows = found.fetchall()
    assert len(rows) == 1
    if "log_loss" in names:
        assert rows[0][names.index("log_loss")] == pytest.approx(0.2877, abs=1e-4)
    if "first_alarm" in names:
        assert rows[0][names.index("first_alarm")].replace(tzinfo=None) == YESTERDAY
