"""Days with readings that have no partition: they wait or are left out, and no run is requested for them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sensor_platform.warehouse.dirty import DirtyDay


@dataclass(frozen=True, slots=True)
class OlderDays:
    """Dirty days before the first partition."""

    waiting: tuple[date, ...] = ()
    """They have a partition as soon as the code location is loaded again. Ascending, as the others."""
    left_out: tuple[date, ...] = ()
    """They lie before the site's `start`."""
    first_known: date | None = None
    """First partition of the loaded definitions."""
    start: date | None = None
    """First day of the site."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Texts for a person; empty without such days."""
        found = []
        if self.waiting:
            found.append(
                f"{_span(self.waiting)} wait: reload the code location, whose first partition is {self.first_known}"
            )
        if self.left_out:
            found.append(
                f"{_span(self.left_out)} are left out: they lie before `start` of the site ({self.start}); to build"
                " them, set an earlier `start` and reload the code location"
            )
        return tuple(found)


def with_partition(dirty: Iterable[DirtyDay], first_known: date, start: date) -> tuple[tuple[DirtyDay, ...], OlderDays]:
    """Dirty days that have a partition, and the others.

    Args:
        dirty: of the ledger.
        first_known: first partition of the loaded definitions.
        start: of the site, as it is now.
    """
    days = sorted(dirty, key=lambda one: one.day)
    left_out = tuple(one.day for one in days if one.day < start)
    waiting = tuple(one.day for one in days if start <= one.day < first_known)
    known = tuple(one for one in days if one.day >= max(first_known, start))
    return known, OlderDays(waiting, left_out, first_known, start)


def _span(days: tuple[date, ...]) -> str:
    return f"{len(days)} older days ({days[0]} to {days[-1]})" if len(days) > 1 else f"1 older day ({days[0]})"
