"""Rows that are immutable history: what is said again differently is a new revision, what it replaced is kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import plain_utc
from sensor_platform.warehouse.tables import Due, Warehouse

if TYPE_CHECKING:
    import polars as pl

NOT_SAID = ("revision", "created_at", "inputs_position")
"""Columns in which two rows that say the same may differ."""


def revised(rows: "pl.DataFrame", before: "pl.DataFrame", keys: Sequence[str]) -> "pl.DataFrame":
    """`rows` as the next revision of what they replace; where they say the same, what they replace.

    Args:
        rows: with `revision`, `created_at` and `inputs_position`.
        before: rows that they replace; without columns if there was no table.
        keys: columns that name a row.
    """
    import polars as pl

    if before.is_empty():
        return rows
    said = [name for name in rows.columns if name not in NOT_SAID]
    older = before.select(*said, *(pl.col(name).alias(f"same_{name}") for name in NOT_SAID))
    newest = before.select(*keys, (pl.col("revision") + 1).alias("next"))
    joined = rows.join(older, on=said, how="left", nulls_equal=True, maintain_order="left")
    joined = joined.join(newest, on=keys, how="left", maintain_order="left")
    is_same = pl.col("same_revision").is_not_null()
    return joined.with_columns(
        pl.coalesce("same_revision", "next", "revision").cast(pl.Int32).alias("revision"),
        *(
            pl.when(is_same).then(f"same_{name}").otherwise(name).alias(name)
            for name in ("created_at", "inputs_position")
        ),
    ).select(rows.columns)


def changed_windows(rows: "pl.DataFrame", before: "pl.DataFrame", window: str) -> set[datetime]:
    """Windows, aware UTC, of which `rows` says something else than `before`."""
    old = before.select(rows.columns) if before.width else rows.clear()
    changed = {
        at
        for one, other in ((rows, old), (old, rows))
        for at in one.join(other, on=rows.columns, how="anti", nulls_equal=True)[window].unique()
    }
    return {at.replace(tzinfo=UTC) for at in changed}


def superseded(rows: "pl.DataFrame", before: "pl.DataFrame", keys: Sequence[str], now: datetime) -> "pl.DataFrame":
    """Rows of `before` that are no longer there, with the time at which that became known."""
    import polars as pl

    old = before.select(rows.columns) if before.width else rows.clear()
    gone = old.join(rows, on=(*keys, "revision"), how="anti", nulls_equal=True)
    return gone.with_columns(pl.lit(plain_utc(now), pl.Datetime("us")).alias("superseded_at"))


def keep(warehouse: Warehouse, due: Due, table: str, keys: Sequence[str], gone: "pl.DataFrame", window: str) -> None:
    """Add rows to the table of what was superseded, once each, for all windows of `due`.

    Call it before the rows are replaced: a kill in between leaves them in both, and the next scoring changes nothing.

    Args:
        warehouse: open.
        due: windows of the table that is scored.
        table: of what was superseded.
        keys: columns that name a row.
        gone: rows that are to be replaced.
        window: column of the window.
    """
    import polars as pl

    own = Due(table, due.windows)
    kept = warehouse.read_windows(own)
    if kept.width:
        gone = gone.join(kept, on=[*keys, "revision"], how="anti", nulls_equal=True)
        rows = pl.concat([kept, gone], how="diagonal_relaxed")
    else:
        rows = gone
    warehouse.publish_again(table, {at.replace(tzinfo=UTC) for at in gone[window]})
    warehouse.replace_windows(own, rows)
