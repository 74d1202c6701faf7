"""The quarantine as a published table: links to the quarantine files that the ledger names."""

import os
import shutil
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.durable import replacing
from sensor_platform.landing.ledger import quarantine_files, read_ledger

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


def publish_files(home: Home) -> int:
    """Publish exactly the quarantine files that the ledger lists; returns the number of new files.

    A link, not a copy; a copy where the file system has no links.
    """
    with read_ledger(home) as ledger:
        visible = quarantine_files(ledger, home) if ledger else []
    folder = home.published / TABLE
    wanted = {folder / f"day={path.parent.name}" / path.name: path for path in visible}
    present = {path for path in folder.glob("day=*/*.parquet") if path.name != "columns.parquet"}
    for path in present - set(wanted):
        path.unlink()
    new = [path for path in wanted if path not in present or not path.samefile(wanted[path])]
    for path in new:
        _link(wanted[path], path)
    return len(new)


def _link(source: Path, path: Path) -> None:
    with replacing(path) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
