"""Takes published files away without failing a reader that has listed them.

A file loses its rows at once, by rename, and is deleted an hour later.
"""

import contextlib
import shutil
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sensor_platform.kernel.durable import fsync_folder, replacing
from sensor_platform.warehouse.published.views import COLUMNS_FILE

GRACE_SECONDS = 3600.0
"""How long an emptied file stays. A query that takes longer between listing and opening its files fails."""
_FSYNCS = 16
"""Files that are fsynced in parallel: a disk commits many fsyncs together for the price of one."""


def withdraw(table: Path, paths: Iterable[Path]) -> int:
    """Empty these files of a table's folder, or delete those that were emptied an hour ago; returns how many changed.

    Called again until nothing is left. A table that was never described has no readers: its files are deleted.
    """
    due = [path for path in paths if not is_waiting(path)]
    columns = table / COLUMNS_FILE
    gone = {path for path in due if not columns.exists() or is_emptied(path)}
    for path in gone:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            path.parent.rmdir()
    for folder in sorted({path.parent for path in gone if path.parent.exists()}):
        fsync_folder(folder)
    with ThreadPoolExecutor(_FSYNCS) as pool:
        list(pool.map(lambda path: _empty(path, columns), [path for path in due if path not in gone]))
    return len(due)


def _empty(path: Path, columns: Path) -> None:
    with replacing(path) as temporary:
        shutil.copyfile(columns, temporary)


def is_emptied(path: Path) -> bool:
    """Whether the file has no rows; a file that cannot be read has some."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows) == 0
    except (OSError, pa.ArrowException):
        return False


def is_waiting(path: Path) -> bool:
    """Whether the file was emptied less than an hour ago: nothing is left to do but to wait."""
    return is_emptied(path) and abs(time.time() - path.stat().st_mtime) < GRACE_SECONDS
