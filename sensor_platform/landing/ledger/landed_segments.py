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
        return self._one("select min(segment) from segments where segment > ? and segment glob ?", segment)

    def newest(self) -> str | None:
        """The newest landed segment, or None."""
        return self._one("select max(segment) from segments where segment > ? and segment glob ?", "")

    def _one(self, statement: str, after: str) -> str | None:
        names = f"{self.collector}-{'[0-9]' * 13}-{'[0-9]' * 8}"
        with read_ledger(self.home) as ledger:
            row = ledger.execute(statement, (after, names)).fetchone() if ledger else None
        return None if row is None or row[0] is None else str(row[0])
