"""Revisions of rows: a row that is made again with other values is a new revision. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sensor_platform.kernel.clock import plain_utc

if TYPE_CHECKING:
    import polars as pl

BOOKKEEPING = ("revision", "created_at", "inputs_position")
"""Columns that are ignored when two rows are compared."""


def revised(rows: "pl.DataFrame", before: "pl.DataFrame", keys: Sequence[str]) -> "pl.DataFrame":
    """`rows` as the next revision of those that they replace; a row whose values are the same is taken over unchanged.

    Args:
        rows: with `revision`, `created_at` and `inputs_position`.
        before: rows that they replace; without columns if there was no table.
        keys: columns that name a row.
    """
    import polars as pl

    if before.is_empty():
        return rows
    values = [name for name in rows.columns if name not in BOOKKEEPING]
    older = before.select(*values, *(pl.col(name).alias(f"same_{name}") for name in BOOKKEEPING))
    newest = before.select(*keys, (pl.col("revision") + 1).alias("next"))
    joined = rows.join(older, on=values, how="left", nulls_equal=True, maintain_order="left")
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
    """Windows, aware UTC, whose rows differ between `rows` and `before`."""
    old = before.select(rows.columns) if before.width else rows.clear()
    changed = {
        at
        for one, other in ((rows, old), (old, rows))
        for at in one.join(other, on=rows.columns, how="anti", nulls_equal=True)[window].unique()
    }
    return {at.replace(tzinfo=UTC) for at in changed}


def superseded(rows: "pl.DataFrame", before: "pl.DataFrame", keys: Sequence[str], now: datetime) -> "pl.DataFrame":
    """Rows of `before` that `rows` does not have, with `superseded_at` = `now`."""
    import polars as pl

    old = before.select(rows.columns) if before.width else rows.clear()
    gone = old.join(rows, on=(*keys, "revision"), how="anti", nulls_equal=True)
    return gone.with_columns(pl.lit(plain_utc(now), pl.Datetime("us")).alias("superseded_at"))
