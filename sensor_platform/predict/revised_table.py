"""Tables whose replaced rows are kept: predictions and the scores of supervised tasks."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sensor_platform.predict import revisions
from sensor_platform.warehouse.tables import Due, Warehouse

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class RevisedTable:
    """A table with `revision`, `created_at` and `inputs_position`, and the table of its superseded rows."""

    name: str
    superseded: str
    keys: tuple[str, ...]
    """Columns that identify a row, together with its revision."""
    window: str
    """Column of the window."""

    def replace(
        self, warehouse: Warehouse, due: Due, rows: "pl.DataFrame", before: "pl.DataFrame", now: datetime, every: Due
    ) -> "pl.DataFrame":
        """Replace the rows of the due windows, and keep the rows that are no longer there.

        The superseded rows are written first: a kill in between leaves them in both tables, and the next call changes
        nothing. The windows that changed are published again, because a new model changes rows without new evidence.

        Args:
            warehouse: open.
            due: windows of this table.
            rows: their rows as computed now, of revision 0.
            before: their rows as they are in the table; without columns if there was no table.
            now: aware UTC.
            every: windows of which the table of superseded rows records that it was made.

        Returns:
            The rows as written, with their revisions.
        """
        made = revisions.revised(rows, before, self.keys)
        gone = revisions.superseded(made, before, self.keys, now)
        self._keep(warehouse, Due(self.superseded, every.windows), gone)
        warehouse.publish_again(self.name, revisions.changed_windows(made, before, self.window))
        warehouse.replace_windows(due, made)
        return made

    def _keep(self, warehouse: Warehouse, due: Due, gone: "pl.DataFrame") -> None:
        import polars as pl

        kept = warehouse.read_windows(due)
        rows = gone
        if kept.width:
            gone = gone.join(kept, on=[*self.keys, "revision", "created_at"], how="anti", nulls_equal=True)
            rows = pl.concat([kept, gone], how="diagonal_relaxed")
        warehouse.publish_again(self.superseded, {at.replace(tzinfo=UTC) for at in gone[self.window]})
        warehouse.replace_windows(due, rows)
