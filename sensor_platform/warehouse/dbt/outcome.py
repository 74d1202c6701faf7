"""Makes the facts of a build report from dbt's results and the rebuilt windows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.warehouse.build_report import ModelReport, TestReport
from sensor_platform.warehouse.dbt.runner import NodeResult
from sensor_platform.warehouse.file.duckdb_sql import has_table
from sensor_platform.warehouse.lineage import dbt_tables
from sensor_platform.warehouse.staleness.propagation import Built

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WORST_FIRST = ("error", "fail", "skipped", "warn", "pass", "success")


def model_reports(
    connection: "DuckDBPyConnection", work: Mapping[str, Mapping[int, Built]], nodes: Sequence[NodeResult]
) -> dict[str, ModelReport]:
    """Facts about the windows that were just rebuilt; reads only these. The work list must still be in its table."""
    seconds = {node.name: node.seconds for node in nodes if node.kind == "model"}
    reports = {}
    for name, windows in work.items():
        is_there = windows and has_table(connection, name)
        rows, late, revised, newest = _facts(connection, name) if is_there else (0, 0, 0, None)
        reports[name] = ModelReport(
            name=name,
            windows=len(windows),
            rows=rows,
            late_rows=late,
            revised_rows=revised,
            newest_event_at=newest,
            seconds=seconds.get(name, 0.0),
        )
    return reports


def _facts(connection: "DuckDBPyConnection", name: str) -> tuple[int, int, int, datetime | None]:
    """Rows, late readings, revised rows and newest event time.

    Raises:
        WrongUse: the table lacks a column that its meta names, or the column is of another type.
    """
    import duckdb

    table = dbt_tables()[name]
    late, newest = table.late, table.newest
    late_n = f"coalesce(sum(cast({late} as bigint)), 0)" if late else "0"
    newest_at = f"cast(max({newest}) as timestamp)" if newest else "null"
    revised_n = "count(case when revision > 0 then 1 end)" if table.tier_seconds else "0"
    query = f"select count(*), {late_n}, {revised_n}, {newest_at} from {name}"  # noqa: S608 - names of our own tables
    where = f" where {table.window_column} in (select window_start from work where model = ?)"  # noqa: S608
    try:
        row = connection.execute(*((query,) if table.grain == "whole" else (query + where, [name]))).fetchone()
    except (duckdb.BinderException, duckdb.ConversionException) as error:
        reason = str(error).splitlines()[0]
        raise WrongUse(
            f"table {name} does not have the columns that the meta of its dbt model promises: {reason}",
            "compare window_column, newest_column, late_column and tier_seconds with the columns that its SQL selects",
        ) from error
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2]), row[3].replace(tzinfo=UTC) if row[3] else None


def test_reports(nodes: Sequence[NodeResult]) -> dict[str, TestReport]:
    """Results of dbt's tests by name: the worst status of all chunks and the sum of their failures."""
    found: dict[str, TestReport] = {}
    for node in (node for node in nodes if node.kind == "test"):
        earlier = found.get(node.name)
        worst = min((node.status, earlier.status) if earlier else (node.status,), key=_rank)
        found[node.name] = TestReport(
            name=node.name,
            models=node.parents,
            status=worst,
            failures=node.failures + (earlier.failures if earlier else 0),
            severity=node.severity,
            message=node.message or (earlier.message if earlier else ""),
        )
    return found


def _rank(status: str) -> int:
    return _WORST_FIRST.index(status) if status in _WORST_FIRST else 0


def failures(nodes: Sequence[NodeResult]) -> tuple[str, ...]:
    """Names of nodes that failed or were skipped after a failure."""
    return tuple(node.name for node in nodes if node.status in {"error", "fail", "skipped"})


def merged(chunks: Sequence[Mapping[str, ModelReport]]) -> dict[str, ModelReport]:
    """Reports of several chunks as one."""
    total: dict[str, ModelReport] = {}
    for reports in chunks:
        for name, new in reports.items():
            old = total.get(name)
            newest = [at for at in (new.newest_event_at, old.newest_event_at if old else None) if at is not None]
            total[name] = ModelReport(
                name=name,
                windows=new.windows + (old.windows if old else 0),
                rows=new.rows + (old.rows if old else 0),
                late_rows=new.late_rows + (old.late_rows if old else 0),
                revised_rows=new.revised_rows + (old.revised_rows if old else 0),
                newest_event_at=max(newest, default=None),
                seconds=new.seconds + (old.seconds if old else 0.0),
            )
    return total
