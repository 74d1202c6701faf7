"""Landed segments of one collector, for processes that follow the collector."""

from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.landing.ledger.schema import read_ledger


@dataclass(frozen=True, slots=True)
class LandedSegmentsOf:
    """Landed segments of `collector` in the ledger of `home`. Each call opens the ledger for reading."""

    home: Home
    collector: str

    def first_after(self, segment: str) -> str | None:
        """The oldest landed segment after this one, or None."""
        return self._one("segment > ?", "asc", segment)

    def newest(self) -> str | None:
        """The newest landed segment, or None."""
        return self._one("segment < ?", "desc", f"{self.collector}.")

    def _one(self, border: str, order: str, at: str) -> str | None:
        """The first segment of the collector by name; `-` and `.` after its name bound the search."""
        names = f"{self.collector}-{'[0-9]' * 13}-{'[0-9]' * 8}"
        statement = (
            f"select segment from segments where {border} and segment between ? and ? and segment glob ?"  # noqa: S608 - constants
            f" order by segment {order} limit 1"
        )
        span = (f"{self.collector}-", f"{self.collector}.")
        with read_ledger(self.home) as ledger:
            row = ledger.execute(statement, (at, *span, names)).fetchone() if ledger else None
        return None if row is None else str(row[0])
