"""How the platform's own readers open `published/analytics.duckdb`: times as plain UTC, and only where it now is."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.warehouse.published.instants import PLAIN
from sensor_platform.warehouse.published.views import TEXT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FILES = re.compile(r"read_parquet\('((?:[^']|'')*)/[^/']+/(?:\*/\*|all)\.parquet'")


@contextlib.contextmanager
def open_published(home: Home, threads: int | None = None) -> Iterator["DuckDBPyConnection"]:
    """A read-only connection to the published file, with times as plain UTC and UTC as the time zone.

    Raises:
        Unreachable: the folder was moved or copied, so that its views read files elsewhere.
    """
    import duckdb

    check_place(home.published)
    config: dict[str, Any] = {} if threads is None else {"threads": threads}
    with duckdb.connect(str(home.analytics_file), read_only=True, config=config) as connection:
        connection.execute("set TimeZone = 'UTC'")
        with contextlib.suppress(duckdb.CatalogException):  # written by an earlier version: all its times are plain
            connection.execute(f"set schema = '{PLAIN}'")
        yield connection


def check_place(folder: Path) -> None:
    """Refuse a published folder whose views read the files of another one.

    Raises:
        Unreachable: it was moved or copied.
    """
    elsewhere = linked_elsewhere(folder)
    if elsewhere is not None:
        raise Unreachable(
            f"{folder} was moved or copied: its views read the files of {elsewhere}",
            f"run `sensor-platform publish --relink {folder}`, or `sensor-platform publish`",
        )


def linked_elsewhere(folder: Path) -> Path | None:
    """The folder whose files the views read, where it is another one."""
    try:
        found = _FILES.search((folder / TEXT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if found is None:
        return None
    linked = Path(found.group(1).replace("''", "'"))
    is_same = linked == folder.resolve() or (linked.exists() and folder.exists() and linked.samefile(folder))
    return None if is_same else linked
