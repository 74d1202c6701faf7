"""Published partition files: which are stale, and how they are written. A file never changes its span (ADR 1).

A file is `published/<table>/day=<yyyy-mm-dd>/<hhmm>.parquet`, or `published/<table>/all.parquet`. It is replaced by
rename; one whose rows are gone has no rows. No reader's glob finds temporary
names: they do not end in `.parquet`.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import from_micros, to_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.warehouse.dbt.source_view import coalesce
from sensor_platform.warehouse.file.duckdb_sql import literal
from sensor_platform.warehouse.lineage import Model
from sensor_platform.warehouse.published.views import COLUMNS_FILE, WHOLE_FILE
from sensor_platform.warehouse.staleness import state
from sensor_platform.warehouse.staleness.propagation import Built

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AT_ONCE = 90
"""Files per export; DuckDB keeps at most 100 partitions open and would split the files if there were more."""

_FSYNCS = 16
"""Files that are fsynced in parallel: a disk commits many fsyncs together for the price of one."""

_TRUNC = {"hour": "hour", "day": "day"}


@dataclass(frozen=True, slots=True)
class Written:
    """Result of publishing one table."""

    files: int
    rows: int
    bytes: int


def behind(connection: "DuckDBPyConnection", model: Model, slot: int) -> dict[int, Built]:
    """Partition files that are older than their table, with the state that each has after it is written.

    If the published copy was complete before, only windows that were recorded since are examined, not the history.
    """
    piece = _floor("window_start", model, slot)
    looked_at = _recorded_since(connection, model, slot) if state.is_followed(connection, model.name) else "true"
    rows = connection.execute(
        f"""
        with tables as (
            select {piece} as piece, max(position) as position,
                case when min(generation) = max(generation) then min(generation) else '' end as generation
            from state where model = ? and {looked_at} group by 1
        )
        select epoch_us(tables.piece), tables.generation, tables.position
        from tables left join state as own on own.model = ? and own.window_start = tables.piece
        where own.position is null or own.position < tables.position or own.generation <> tables.generation
        order by 1
        """,  # noqa: S608 - our own names
        [model.parents[0], model.name],
    ).fetchall()
    return {start: Built(generation, position) for start, generation, position in rows}


def _recorded_since(connection: "DuckDBPyConnection", model: Model, slot: int) -> str:
    """Condition on the state: all windows of the files that hold a window recorded since the last publish."""
    found = connection.execute(
        f"select distinct {_floor('window_start', model, slot)} from unpublished where model = ?",  # noqa: S608 - our own names
        [model.parents[0]],
    ).fetchall()
    if model.grain == "whole":
        return "true" if found else "false"
    size = model.size(slot) or 0
    return _between("window_start", coalesce(sorted(to_micros(start) for (start,) in found), size)) or "false"


def write_files(
    connection: "DuckDBPyConnection", folder: Path, model: Model, slot: int, starts: Sequence[int]
) -> Written:
    """Write these files of one table, at most `AT_ONCE`, each durably and by rename."""
    table = model.parents[0]
    if model.grain == "whole":
        return _write_whole(connection, folder / table / WHOLE_FILE, table)
    export = folder / f".{table}.export.tmp"
    shutil.rmtree(export, ignore_errors=True)
    export.mkdir(parents=True)
    try:
        rows = _export(connection, export, model, slot, starts)
        sources = [
            _one_file(connection, export / f"piece={start}") or folder / table / COLUMNS_FILE for start in starts
        ]
        paths = [folder / table / partition_path(start) for start in starts]
        with ThreadPoolExecutor(_FSYNCS) as pool:
            size = sum(pool.map(_replace, paths, sources))
        return Written(len(starts), rows, size)
    finally:
        shutil.rmtree(export, ignore_errors=True)


def partition_path(start: int) -> str:
    """Path of a file below its table's folder."""
    at = from_micros(start)
    return f"day={at:%Y-%m-%d}/{at:%H%M}.parquet"


def published_starts(folder: Path, table: str) -> Iterator[int]:
    """Starts of the files of a table, in order; those without rows are among them."""
    columns = folder / table / COLUMNS_FILE
    for path in sorted((folder / table).glob("day=*/*.parquet")):
        if path != columns:
            yield start_of(path)


def start_of(path: Path) -> int:
    """Start of the windows in a file, microseconds: the inverse of `partition_path`."""
    day = path.parent.name.removeprefix("day=")
    return to_micros(datetime.strptime(f"{day} {path.stem}", "%Y-%m-%d %H%M"))  # noqa: DTZ007 - plain UTC


def batches(starts: Sequence[int], rows: Mapping[int, int], most: int) -> Iterator[list[int]]:
    """Starts of files in batches of at most `AT_ONCE` files and about `most` rows."""
    batch: list[int] = []
    held = 0
    for start in starts:
        count = rows.get(start, 0)
        if batch and (len(batch) == AT_ONCE or held + count > most):
            yield batch
            batch, held = [], 0
        batch.append(start)
        held += count
    if batch:
        yield batch


def rows_of(connection: "DuckDBPyConnection", model: Model, slot: int, starts: Sequence[int]) -> dict[int, int]:
    """Number of rows of each of these files; reads one column of the table."""
    if model.grain == "whole":
        return {}
    piece = _floor(model.window_column, model, slot)
    rows = connection.execute(
        f"select epoch_us({piece}), count(*) from {model.parents[0]} where {_within(model, slot, starts)} group by 1"  # noqa: S608
    )
    return dict(rows.fetchall())


def _export(connection: "DuckDBPyConnection", export: Path, model: Model, slot: int, starts: Sequence[int]) -> int:
    piece = f"epoch_us({_floor(model.window_column, model, slot)})"
    wanted = ", ".join(str(start) for start in starts)
    done = connection.execute(
        f"copy (select *, {piece} as piece from {model.parents[0]}"  # noqa: S608 - our own names and numbers
        f" where ({_within(model, slot, starts)}) and {piece} in ({wanted}))"
        f" to {literal(str(export))} (format parquet, compression zstd, partition_by (piece))"
    ).fetchone()
    assert done is not None
    return int(done[0])


def _one_file(connection: "DuckDBPyConnection", folder: Path) -> Path | None:
    """The exported file of a partition; None if it has no rows. Several are joined if DuckDB has split them."""
    files = sorted(folder.glob("*.parquet"))
    if len(files) > 1:
        joined = folder / "joined.parquet"
        connection.execute(
            f"copy (select * from read_parquet({literal(str(folder / '*.parquet'))}, hive_partitioning = false))"  # noqa: S608
            f" to {literal(str(joined))} (format parquet, compression zstd)"
        )
        return joined
    return files[0] if files else None


def _write_whole(connection: "DuckDBPyConnection", path: Path, table: str) -> Written:
    with replacing(path) as temporary:
        done = connection.execute(
            f"copy {table} to {literal(str(temporary))} (format parquet, compression zstd)"
        ).fetchone()
    assert done is not None
    return Written(1, int(done[0]), path.stat().st_size)


def _replace(path: Path, source: Path) -> int:
    with replacing(path) as temporary:
        if source.name == Path(COLUMNS_FILE).name:
            shutil.copyfile(source, temporary)
        else:
            source.rename(temporary)
    return path.stat().st_size


def _floor(column: str, model: Model, slot: int) -> str:
    if model.grain == "whole":
        return "timestamp '1970-01-01 00:00:00'"
    if model.grain == "slot":
        return f"time_bucket(interval '{slot} microseconds', {column}, timestamp '1970-01-01 00:00:00')"
    return f"cast(date_trunc('{_TRUNC[model.grain]}', {column}) as timestamp)"


def _within(model: Model, slot: int, starts: Sequence[int]) -> str:
    """Bounds as literals, because DuckDB uses them to skip row groups when it plans."""
    column, size = model.window_column, model.size(slot) or 0
    return _between(column, coalesce(starts, size))


def _between(column: str, ranges: Sequence[tuple[int, int]]) -> str:
    """Condition, in brackets: the column lies in one of the half-open ranges of microseconds; empty for none."""
    parts = [
        f"({column} >= timestamp '{from_micros(low)}' and {column} < timestamp '{from_micros(high)}')"
        for low, high in ranges
    ]
    return f"({' or '.join(parts)})" if parts else ""
