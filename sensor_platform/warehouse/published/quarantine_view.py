"""The quarantine as a published table: links to the quarantine files that the ledger names."""

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, from_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.landing.ledger import quarantine_files_of, quarantine_fingerprints, read_ledger
from sensor_platform.warehouse.published.ledger_days import changed_days, remember_days
from sensor_platform.warehouse.published.withdrawal import GRACE_SECONDS, withdraw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "quarantine"

COLUMNS = (
    ("received_at", "TIMESTAMP"),
    ("topic", "VARCHAR"),
    ("payload", "BLOB"),
    ("rule", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("hint", "VARCHAR"),
    ("device_id", "VARCHAR"),
    ("metric", "VARCHAR"),
    ("segment", "VARCHAR"),
    ("position", "BIGINT"),
    ("qos", "BIGINT"),
    ("retain", "BOOLEAN"),
    ("scope", "VARCHAR"),
)
"""Columns of a quarantine file, with their DuckDB types."""


def publish_files(home: Home, connection: "DuckDBPyConnection") -> int:
    """Publish exactly the quarantine files that the ledger lists; returns the number of new files.

    A link, not a copy; a copy where the file system has no links. Only days that changed are looked at, and days
    whose emptied files can be deleted now.
    """
    new = 0
    waiting: list[int] = []
    with read_ledger(home) as ledger:
        held = quarantine_fingerprints(ledger) if ledger else {}
        changed = changed_days(
            connection, TABLE, held, lambda day: _folder(home, day).exists(), lambda day: _is_over(_folder(home, day))
        )
        for day in (*changed.due, *changed.gone):
            visible = quarantine_files_of(ledger, home, _name(day)) if ledger else []
            added, is_waiting = _publish_day(_folder(home, day), visible)
            new += added
            if is_waiting:
                waiting.append(day)
    remember_days(connection, TABLE, held, changed, waiting)
    return new


def _is_over(folder: Path) -> bool:
    """Whether nothing was emptied in the folder of a day within the hour."""
    try:
        return time.time() - folder.stat().st_mtime >= GRACE_SECONDS
    except FileNotFoundError:
        return True


def _publish_day(folder: Path, visible: list[Path]) -> tuple[int, bool]:
    """Publish the files of a day; returns the number of new ones, and whether emptied files are left."""
    wanted = {folder / path.name: path for path in visible}
    present = {path for path in folder.glob("*.parquet") if path.name != "columns.parquet"}
    old = sorted(present - set(wanted))
    withdraw(folder.parent, old)
    new = [path for path in wanted if path not in present or not path.samefile(wanted[path])]
    for path in new:
        _link(wanted[path], path)
    return len(new), any(path.exists() for path in old)


def _name(day: int) -> str:
    return f"{from_micros(day * DAY):%Y-%m-%d}"


def _folder(home: Home, day: int) -> Path:
    return home.published / TABLE / f"day={_name(day)}"


def _link(source: Path, path: Path) -> None:
    with replacing(path) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
