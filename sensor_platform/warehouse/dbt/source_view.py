"""The source that dbt reads: a view over an explicit list of landing files. A glob would cost more with every day."""

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import from_micros
from sensor_platform.landing.ledger import LandingFile
from sensor_platform.warehouse.file.duckdb_sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COLUMNS = {
    "device_id": "varchar",
    "metric": "varchar",
    "event_at": "timestamp",
    "received_at": "timestamp",
    "value": "double",
    "text": "varchar",
    "unit": "varchar",
    "quality": "varchar",
    "tags": "map(varchar, varchar)",
    "message_id": "varchar",
    "topic": "varchar",
    "segment": "varchar",
    "position": "bigint",
    "is_device_time": "boolean",
    "is_suspect": "boolean",
}
"""Columns of a landing file with their DuckDB types, as `reading.model.Reading`."""

VIEW = "landing_readings"


def make_source_view(
    connection: "DuckDBPyConnection", files: Sequence[LandingFile], ranges: Sequence[tuple[int, int]]
) -> None:
    """Point the source view at the rows of `files` whose event time lies in one of `ranges` (half-open, microseconds).

    A column that a file does not have is null. A view cannot have bound parameters: paths are our own segment names,
    quoted all the same.
    """
    columns = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in COLUMNS.items())
    empty = f"select {', '.join(f'cast(null as {kind}) as {name}' for name, kind in COLUMNS.items())} where false"
    if not files or not ranges:
        connection.execute(f"create or replace view {VIEW} as {empty}")
        return
    names = ", ".join(literal(str(file.path)) for file in files)
    within = " or ".join(
        f"(event_at >= timestamp '{from_micros(start)}' and event_at < timestamp '{from_micros(end)}')"
        for start, end in ranges
    )
    rows = f"select * from read_parquet([{names}], union_by_name = true, hive_partitioning = false)"  # noqa: S608
    connection.execute(  # files of another version may lack a column, in some of them or in all
        f"create or replace view {VIEW} as select {columns} from ({empty} union all by name {rows}) where {within}"  # noqa: S608
    )


def coalesce(windows: Sequence[int], size: int, most: int = 20) -> list[tuple[int, int]]:
    """Half-open ranges that cover windows of this size: at most `most`, with the largest gaps between them."""
    starts = sorted(windows)
    if not starts:
        return []
    gaps = [(after - before - size, number) for number, (before, after) in enumerate(pairwise(starts), 1)]
    open_gaps = heapq.nlargest(most - 1, (gap for gap in gaps if gap[0] > 0))
    edges = [0, *sorted(number for _, number in open_gaps), len(starts)]
    return [(starts[first], starts[last - 1] + size) for first, last in pairwise(edges)]
