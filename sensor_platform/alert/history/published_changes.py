"""Finds changes of the published readings since the last build, by minute of arrival. Reads only files that are new."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor_platform.alert.history import history_store
from sensor_platform.alert.history.history_store import FileStamp
from sensor_platform.alert.replay_rules import ORDER, READING_COLUMNS
from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLE = "readings_clean"
_ROWS = 200_000
RowDigest = tuple[int, str]
"""Number of rows and their digest."""
_DIGEST = """
select epoch_us(received_at) // 60000000 as minute, received_at <= make_timestamp(?) as is_old, count(*),
    bit_xor(hash(device_id, metric, epoch_us(event_at), epoch_us(received_at), value, verdict, segment, position, tags))
from read_parquet(?, hive_partitioning = false)
where value is not null
group by 1, 2
"""


@dataclass(slots=True)
class Changes:
    """Published files that are new since the last build."""

    files: list[str] = field(default_factory=list)
    """Paths of the files."""
    redo_from: int | None = None
    """Earliest arrival time (a whole minute) at which replayed readings have changed; None if none have."""


def find_changes(home: Home, connection: sqlite3.Connection, duck: "DuckDBPyConnection", until: int) -> Changes:
    """Compare the published files with their recorded digests, and record the digests of today.

    Removed rows do not count as a change: retention removes readings, and their alerts stay.

    Args:
        home: the data folder.
        connection: to the history store.
        duck: any connection.
        until: arrival time up to which readings were replayed, microseconds.
    """
    known = history_store.file_stamps(connection)
    folder = home.published / _TABLE
    changes = Changes()
    for path in sorted(folder.glob("day=*/*.parquet")):
        if path.name == "columns.parquet":
            continue
        stat = path.stat()
        stamp = FileStamp(stat.st_mtime_ns, stat.st_size)
        name = str(path.relative_to(folder))
        if known.get(name) == stamp:
            continue
        changes.files.append(str(path))
        old, minutes = _digests(duck, path, until)
        before = history_store.minute_digests(connection, name)
        different = [minute * MINUTE for minute, found in old.items() if before.get(minute) != found]
        if different:
            changes.redo_from = min([*different, *([changes.redo_from] if changes.redo_from is not None else [])])
        history_store.record_file(connection, name, stamp, minutes)
    return changes


def rows_after(
    home: Home, duck: "DuckDBPyConnection", files: Sequence[str] | None, after: int, before: int
) -> Iterator[dict[str, Sequence[Any]]]:
    """Yield readings that arrived between two times, both excluded, in ORDER; of some files or (None) of all."""
    paths = [str(home.published / _TABLE / "day=*" / "*.parquet")] if files is None else list(files)
    if not paths:
        return
    sql = (
        f"select {READING_COLUMNS} from read_parquet(?, hive_partitioning = false) where value is not null"  # noqa: S608
        f" and received_at > make_timestamp(?) and received_at < make_timestamp(?) order by {ORDER}"
    )
    result = duck.execute(sql, [paths, after, before])
    names = [column[0] for column in result.description or ()]
    while rows := result.fetchmany(_ROWS):
        yield dict(zip(names, zip(*rows, strict=True), strict=True))


def oldest_arrival(home: Home, duck: "DuckDBPyConnection") -> int:
    """Arrival time of the oldest reading that is still published, microseconds; 0 if there is none."""
    paths = str(home.published / _TABLE / "day=*" / "*.parquet")
    row = duck.execute("select epoch_us(min(received_at)) from read_parquet(?)", [paths]).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _digests(duck: "DuckDBPyConnection", path: Path, until: int) -> tuple[dict[int, RowDigest], dict[int, RowDigest]]:
    """Digests of a file by minute: of the readings that arrived by `until`, and of all."""
    old: dict[int, RowDigest] = {}
    every: dict[int, RowDigest] = {}
    for minute, is_old, n, digest in duck.execute(_DIGEST, [until, str(path)]).fetchall():
        if is_old:
            old[minute] = (n, f"{digest:x}")
        have = every.get(minute, (0, "0"))
        every[minute] = (have[0] + n, f"{int(have[1], 16) ^ digest:x}")
    return old, every


def has_readings(home: Home) -> bool:
    """Whether any readings are published."""
    return Path(home.published / _TABLE).is_dir()
