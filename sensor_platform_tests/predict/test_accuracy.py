from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.predict.forecast import predict
from sensor_platform.warehouse.published import joined_views, views

AT = datetime(2026, 1, 2)  # noqa: DTZ001 - plain UTC, as in the tables
HOURS = {"device_id": "varchar", "metric": "varchar", "window_start": "timestamp", "mean": "double"}
_TYPES = {
    pl.String: "varchar",
    pl.Float64: "double",
    pl.Datetime: "timestamp",
    pl.Int32: "integer",
    pl.Int64: "bigint",
}
PREDICTIONS = {name: _TYPES[type(kind)] for name, kind in predict.schema().items()}


def prediction(hour: int, **changes: object) -> Mapping[str, object]:
    row: dict[str, object] = dict.fromkeys(predict.COLUMNS, AT) | {
        "device_id": "a", "metric": "m", "horizon_hours": 1, "target_at": AT.replace(hour=hour),
        **dict.fromkeys(("average", "linear", "persistence", "seasonal_naive", "weekly_naive"), 10.0),
        "raw_lower": 8.0, "raw_upper": 12.0, "width": 4.0, "revision": 0, "inputs_position": 1,
        "value": 10.0, "lower": 8.0, "upper": 12.0, "interval": 0.9, "lightgbm": 11.0, "served": "persistence",
        "model_id": "m/1",
    }  # fmt: skip
    return row | changes


def actual(hour: int, mean: float | None, device: str = "a") -> Mapping[str, object]:
    return {"device_id": device, "metric": "m", "window_start": AT.replace(hour=hour), "mean": mean}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    rows = [prediction(1), prediction(2), prediction(3), prediction(4), prediction(5, device_id="b")]
    hours = [actual(1, 9.0), actual(2, 12.5), actual(3, None), actual(5, 1.0, device="c")]
    pieces = {"predictions": (rows, PREDICTIONS), "readings_1h": (hours, HOURS)}
    tables: dict[str, list[tuple[str, str]]] = {}
    with duckdb.connect() as connection:
        for table, (given, kinds) in pieces.items():
            tables[table] = [(name, kind.upper()) for name, kind in kinds.items()]
            views.write_columns(connection, tmp_path, table, tables[table], whole=False)
            (tmp_path / table / "day=2026-01-02").mkdir()
            pl.DataFrame(given).write_parquet(tmp_path / table / "day=2026-01-02" / "0000.parquet")
    views.write_views(tmp_path, tables)
    return tmp_path


def test_a_prediction_is_scored_once_its_actual_has_arrived(published: Path) -> None:
    with duckdb.connect(str(published / "analytics.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select hour(target_at), error, error_lightgbm, is_inside from prediction_accuracy order by 1"
        ).fetchall()
    assert rows == [(1, 1.0, 2.0, True), (2, -2.5, -1.5, False)]


def test_accuracy_has_every_column_of_a_prediction_and_what_came(published: Path) -> None:
    with duckdb.connect(str(published / "analytics.duckdb"), read_only=True) as connection:
        names = {name for name, *_ in connection.execute("describe prediction_accuracy").fetchall()}
    assert names == {*predict.COLUMNS, "actual", "error", "error_lightgbm", "is_inside", "day"}


def test_a_copied_folder_keeps_the_view_after_relinking(published: Path, tmp_path: Path) -> None:
    moved = published.rename(tmp_path.with_name("elsewhere"))
    views.relink(moved)
    with duckdb.connect(str(moved / "analytics.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from prediction_accuracy").fetchone() == (2,)


def test_without_the_tables_there_is_no_view() -> None:
    assert joined_views.statements(["readings_1h"]) == []
    assert len(joined_views.statements(["readings_1h", "predictions", "quarantine"])) == 1


EVERY = ("predictions", "predictions_superseded", "readings_1h", "device_status", "catalog_site")


def accuracy(
    revisions: list[tuple[int, float]], until: float, newest: int = 9, lateness: float = 24.0
) -> list[tuple[object, ...]]:
    """What is judged of one forecast about 6:00.

    Args:
        revisions: number and hour of creation, oldest first.
        until: hour of the newest arrival.
        newest: newest hour of the device with a reading.
        lateness: that the site allows.
    """
    hours = "select 'a' as device_id, 'm' as metric, 9.0 as mean, timestamp '2026-01-02' + to_hours(h) as window_start"
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in PREDICTIONS.items())
        connection.execute(f"create table predictions ({columns})")
        connection.execute(f"create table predictions_superseded ({columns}, superseded_at timestamp)")
        connection.execute(f"create table readings_1h as {hours} from range(?) t(h)", [newest + 1])
        arrived = [AT + timedelta(hours=until)]
        connection.execute("create table device_status as select ?::timestamp as last_received_at", arrived)
        connection.execute("create table catalog_site as select ?::double as allowed_lateness_hours", [lateness])
        ends = [created for _, created in revisions[1:]] + [None]
        for (revision, created), end in zip(revisions, ends, strict=True):
            row = prediction(
                6, issued_at=AT, horizon_hours=6, revision=revision, created_at=AT + timedelta(hours=created)
            )
            table = "predictions" if end is None else "predictions_superseded"
            gone = {} if end is None else {"superseded_at": AT + timedelta(hours=end)}
            values = {**row, **gone}
            names = ", ".join(f'"{name}"' for name in values)
            connection.execute(
                f"insert into {table} ({names}) values ({', '.join('?' * len(values))})", list(values.values())
            )
        for statement in joined_views.statements(EVERY):
            connection.execute(statement)
        return connection.execute("select revision, created_at < target_at from prediction_accuracy").fetchall()


@given(st.lists(st.sampled_from([1.0, 2.5, 5.99, 6.0, 6.01, 8.0, 30.0]), min_size=1, unique=True))
def test_judged_is_the_revision_in_force_when_the_hour_began(created: list[float]) -> None:
    revisions = list(enumerate(sorted(created)))
    in_force = [revision for revision, at in revisions if at < 6][-1:]
    assert accuracy(revisions, until=9.5) == [(revision, True) for revision in in_force]


@pytest.mark.parametrize(
    ("until", "newest", "judged"),
    [
        pytest.param(7.1, 7, True, id="a later reading of the device"),
        pytest.param(7.1, 6, False, id="its hour may still be running"),
        pytest.param(6.9, 7, False, id="its clock is ahead"),
        pytest.param(30.9, 6, False, id="silent, readings may still come"),
        pytest.param(31.0, 6, True, id="silent, and the allowed lateness has passed"),
    ],
)
def test_nothing_is_judged_by_an_hour_that_is_not_over(until: float, newest: int, judged: bool) -> None:
    assert accuracy([(0, 1.0)], until, newest) == [(0, True)] * judged
