"""`published/analytics.duckdb`: one view per published table, over absolute paths, so that it works from any directory.

Each table's folder has a file without rows that carries its columns (`day=1970-01-01/columns.parquet`, first in every
glob), so that a view exists and is typed before there is data. The file is replaced only when a view's text changes.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.durable import replacing, write_file
from sensor_platform.warehouse.file.duckdb_sql import literal, quoted
from sensor_platform.warehouse.lineage import dbt_tables, tiers
from sensor_platform.warehouse.prediction_tables import PREDICTION_COLUMNS, PREDICTION_TABLES
from sensor_platform.warehouse.published import column_comments, derived, folder_format, instants, joined_views

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Columns = Sequence[tuple[str, str]]
"""Names and DuckDB types."""

_NOTHING: Mapping[str, Columns] = MappingProxyType({})
MIXED = "mixed-columns"
"""File in a table's folder while some of its files have earlier columns: they are matched by name then."""
COLUMNS_FILE = "day=1970-01-01/columns.parquet"
WHOLE_FILE = "all.parquet"
TEXT = "analytics.sql"
DATABASE = "analytics.duckdb"
_LAYOUT = "-- in schema plain as here, in schema main with times as instants\n"
"""Begins the text, with a fingerprint of the comments: another layout makes another text, which is written again."""
STORAGE_VERSION = "v1.0.0"
"""Storage format of the files that analysts open: drivers of BI tools are older than the platform's own engine. The SQL
of the views must be understood by these versions too."""


def has_growing_columns(table: str) -> bool:
    """Whether data adds columns to the table: older files lack them, and readers see null."""
    known = dbt_tables().get(table)
    return known is not None and known.has_growing_columns


def has_columns(connection: "DuckDBPyConnection", folder: Path, table: str, columns: Columns, *, whole: bool) -> bool:
    """True if the published table has exactly these columns."""
    path = folder / table / (WHOLE_FILE if whole else COLUMNS_FILE)
    return path.exists() and read_columns(connection, path) == list(columns)


def write_columns(connection: "DuckDBPyConnection", folder: Path, table: str, columns: Columns, *, whole: bool) -> None:
    """Write the file without rows that gives `table` its columns."""
    path = folder / table / (WHOLE_FILE if whole else COLUMNS_FILE)
    empty = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in columns)
    with replacing(path) as temporary:
        connection.execute(f"copy (select {empty} limit 0) to {literal(str(temporary))} (format parquet)")


def read_columns(connection: "DuckDBPyConnection", path: Path) -> list[tuple[str, str]]:
    """Names and types of a Parquet file's columns."""
    rows = connection.execute(
        "select column_name, column_type from (describe select * from read_parquet(?, hive_partitioning = false))",
        [str(path)],
    ).fetchall()
    return [(str(name), str(kind)) for name, kind in rows]


def write_views(
    folder: Path, tables: Mapping[str, Columns], missing: Mapping[str, Columns] = MappingProxyType({})
) -> bool:
    """Make `analytics.duckdb` in `folder` have exactly these tables as views; False if it had them already.

    `missing` are columns that this version knows and the files of a table lack: null in its view.

    Readers that have the old file open keep it; those who open it now get the new one.
    """
    import duckdb

    statements = _statements(folder.resolve(), tables, missing)
    text = f"{_LAYOUT}-- comments {column_comments.fingerprint()}\n" + ";\n\n".join(statements) + ";\n"
    described, database = folder / TEXT, folder / DATABASE
    if database.exists() and described.exists() and described.read_text(encoding="utf-8") == text:
        return False
    config: dict[str, Any] = {"storage_compatibility_version": STORAGE_VERSION}
    with replacing(database) as temporary, duckdb.connect(str(temporary), config=config) as connection:
        instants.create(connection, statements)
        column_comments.comment(connection)
    write_file(described, text.encode())
    return True


def relink(folder: Path) -> list[str]:
    """Point the views at where `folder` is now, after it was copied or moved; returns the names of the tables.

    Raises:
        WrongUse: it is not a published folder, or a newer version wrote it.
        CheckFailed: the file that says its format is damaged.
    """
    import duckdb

    folder_format.check(folder)
    tables: dict[str, Columns] = {}
    missing: dict[str, Columns] = {}
    with duckdb.connect() as connection:
        for name in (COLUMNS_FILE, WHOLE_FILE):
            for path in sorted(folder.glob(f"*/{name}")):
                table = path.relative_to(folder).parts[0]
                tables[table] = read_columns(connection, path)
    for table in sorted(tables.keys() & PREDICTION_TABLES):
        known = {name for name, _ in tables[table]}
        missing[table] = [(name, kind) for name, kind in PREDICTION_COLUMNS if name not in known]
    if not tables:
        raise WrongUse(
            f"{folder} holds no published tables", "name the folder that has analytics.duckdb and the tables"
        )
    write_views(folder, tables, missing)
    return sorted(tables)


def _statements(folder: Path, tables: Mapping[str, Columns], missing: Mapping[str, Columns]) -> list[str]:
    def source(table: str) -> str:
        return f"({_select(folder, table, tables[table])})"

    texts: dict[str, str] = {}
    for table, columns in sorted(tables.items()):
        text = _select(folder, table, columns, missing.get(table, ()))
        if table == "predictions":
            text = f"select *, {derived.IS_HINDSIGHT} from ({text})"  # noqa: S608 - our own names
        if derived.is_derived(table, tables):
            own = ",\n    ".join(f"t.{quoted(name)}" for name, _ in columns)
            is_tier = table in tiers()
            text = derived.tier(table, own, source) if is_tier else derived.device_status(own, source)
        texts[table] = text
    made = [f"create view {quoted(table)} as\n{text}" for table, text in texts.items()]
    return [*made, *derived.views(tables, source), *joined_over(tables)]


def joined_over(tables: Collection[str]) -> list[str]:
    """Statements for the views over several of these tables and views, read with plain times."""
    made = joined_views.statements(tables)
    names = {*tables, *(instants.parts(statement)[1] for statement in made)}
    return [instants.over_plain(statement, sorted(names)) for statement in made]


def _select(folder: Path, table: str, columns: Columns, missing: Columns = ()) -> str:
    """The rows of a table, read from its files."""
    whole = (folder / table / WHOLE_FILE).exists()
    parts = [
        *(quoted(name) for name, _ in columns),
        *(f"cast(null as {kind}) as {quoted(name)}" for name, kind in missing),
    ]
    names = ",\n    ".join(parts)
    if whole:
        source = f"read_parquet({literal(str(folder / table / WHOLE_FILE))})"
        return f"select\n    {names}\nfrom {source}"
    options = ["hive_partitioning = true", "hive_types = {'day': date}"]
    if has_growing_columns(table) or (folder / table / MIXED).exists():
        options.append("union_by_name = true")
    source = f"read_parquet({literal(str(folder / table / '*' / '*.parquet'))}, {', '.join(options)})"
    return f"select\n    {names},\n    day\nfrom {source}"
