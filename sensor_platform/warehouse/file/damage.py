"""Whether the warehouse file is damaged: what the engine says is a suspicion, and reading the file decides.

The engine uses the same words for a damaged Parquet file, and a file that is only busy, or a disk that is full, is no
damage either.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sensor_platform.errors import CheckFailed, Unreachable
from sensor_platform.home import Home
from sensor_platform.warehouse.file.duckdb_sql import quoted

if TYPE_CHECKING:
    import duckdb

_DAMAGE = (
    "corrupt",
    "checksum",
    "could not read enough bytes",
    "not a valid duckdb database",
    "failure while replaying wal",
)
"""Parts of DuckDB's messages about a damaged file."""
_NO_SPACE = ("no space left", "disk quota exceeded")
_NO_MEMORY = ("out of memory", "failed to allocate", "cannot allocate memory")
_NO_DAMAGE = ("version number", "could not set lock", "permission denied", "too many open files", "read-only file")
"""Parts of messages about an intact file that is in use, forbidden or of another version."""
_PARQUET = ".parquet"


def is_suspected(message: str) -> bool:
    """Whether an error message of DuckDB may mean that the warehouse file itself is damaged."""
    text = message.lower()
    others = (*_NO_DAMAGE, *_NO_SPACE, *_NO_MEMORY, _PARQUET)
    return any(words in text for words in _DAMAGE) and not any(words in text for words in others)


def is_disk_full(message: str) -> bool:
    """Whether an error message of DuckDB means that a disk is full."""
    return any(words in message.lower() for words in _NO_SPACE)


def damage_of(home: Home, config: Mapping[str, str]) -> str | None:
    """What is wrong with the warehouse file, by reading all of it; None if nothing is, or if it cannot be opened now.

    Every block has a checksum, which the engine compares when it reads the block. No connection of this process may be
    open: it would answer from memory.
    """
    import duckdb

    try:
        with duckdb.connect(str(home.warehouse_file), config=dict(config)) as connection:
            _read_everything(connection)
    except duckdb.Error as error:
        return str(error) if is_suspected(str(error)) else None
    return None


def explained(home: Home, error: "duckdb.Error") -> CheckFailed | Unreachable | None:
    """An error of the engine with an intact warehouse file as one with a hint; None if it has another cause."""
    first, text = str(error).splitlines()[0], str(error).lower()
    if is_disk_full(text):
        return Unreachable(f"the disk is full: {first}", f"free space on the disk that holds {home.root}")
    if any(words in text for words in _NO_MEMORY):
        return Unreachable(
            f"the memory of the warehouse is not enough: {first}",
            "raise `warehouse.memory_limit` or lower `warehouse.chunk_readings` in site.yaml",
        )
    if _PARQUET in text:
        return CheckFailed(
            f"a Parquet file cannot be read: {first}",
            "`sensor-platform audit --verify` checks landing files; put a published file back from a backup",
        )
    if is_suspected(text):
        return CheckFailed(
            f"the engine reports damage, but all of {home.warehouse_file} can be read: {first}",
            "try again; if it is reported again, check the memory and the disk of this machine",
        )
    return None


def _read_everything(connection: "duckdb.DuckDBPyConnection") -> None:
    """Every column of every table, the small table `state` first; nothing is answered from statistics."""
    connection.execute("pragma disable_optimizer")
    tables = connection.execute(
        "select table_name from duckdb_tables() where not temporary order by table_name <> 'state', table_name"
    ).fetchall()
    for (table,) in tables:
        name = quoted(table)
        columns = ", ".join(quoted(column) for column, *_ in connection.execute(f"describe {name}").fetchall())
        connection.execute(f"select count(*) from {name} where hash({columns}) = 0")  # noqa: S608 - quoted
