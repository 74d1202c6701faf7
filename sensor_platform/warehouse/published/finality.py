"""When a window is final, and how a new warehouse takes over the published revisions.

A window is final once a reading was received later than the window's end plus the site's allowed lateness. The newest
receive time in the tables decides, not a clock: while the platform is down no window becomes final. Receive times that
lie more than an hour ahead of the reader's clock are of a clock that was wrong, and count for nothing.
"""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, from_micros
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.file.duckdb_sql import has_table, literal
from sensor_platform.warehouse.lineage import tiers
from sensor_platform.warehouse.published.views import COLUMNS_FILE, read_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOG = logging.getLogger(__name__)


def final_before(connection: "DuckDBPyConnection", config: WarehouseConfig, now: int) -> datetime | None:
    """Windows that ended before this time, plain UTC, are final to present readers; None if no window is.

    Args:
        connection: the warehouse.
        config: with the allowed lateness.
        now: microseconds since the epoch, UTC.
    """
    if not has_table(connection, "readings_1d"):
        return None
    row = connection.execute(
        "select max(last_received_at) from readings_1d where last_received_at <= ?", [from_micros(now + HOUR)]
    ).fetchone()
    return row[0] - timedelta(hours=config.allowed_lateness_hours) if row and row[0] else None


def take_over_revisions(home: Home, connection: "DuckDBPyConnection") -> int:
    """Copy the published revisions into a warehouse that has built nothing yet; returns how many.

    If the published files of a table cannot be read, its revisions begin at 0 and a warning is logged.
    """
    import duckdb

    if connection.execute("select 1 from state where model = 'readings_10s' limit 1").fetchall():
        return 0
    connection.execute("delete from revision_seed")
    for table in tiers():
        columns = home.published / table / COLUMNS_FILE
        if not columns.exists():
            continue
        files = literal(str(home.published / table / "*" / "*.parquet"))
        try:
            if "revision" in {name for name, _ in read_columns(connection, columns)}:
                connection.execute(
                    "insert into revision_seed select ?, device_id, metric, window_start, revision"  # noqa: S608 - our own path
                    f" from read_parquet({files}, hive_partitioning = false) where revision > 0",
                    [table],
                )
        except duckdb.Error as error:
            _LOG.warning("revisions of %s begin at 0: its published files cannot be read: %s", table, error)
    row = connection.execute("select count(*) from revision_seed").fetchone()
    return int(row[0]) if row else 0
