"""Plans a backfill of some days: amount of data, estimated cost, runs. Reads the ledger."""

from dataclasses import dataclass
from datetime import date

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, start_of_day
from sensor_platform.kernel.days import Days, day_of, day_span
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    landing_bytes,
    read_ledger,
    readings_by_slot,
    retention_horizon,
    touched_extent,
)
from sensor_platform.warehouse.lineage import models
from sensor_platform.warehouse.staleness.costs import estimate, history

RUN_READINGS = 100_000_000
"""Most readings of one run, so that the newest days are done before the oldest start."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a backfill."""

    days: int
    """Number of days with readings."""
    hours: int
    """Number of hours with readings."""
    readings: int
    bytes: int
    """Size of the landing files with these readings."""
    seconds: float
    """Estimated from recorded builds."""
    recorded: int
    """Number of builds behind the estimate."""
    runs: tuple[Days, ...]
    """Ranges of days, in the order in which they run."""
    refused: int
    """Number of days with readings that cannot be built: below the retention horizon, or before the site's `start`."""


def plan(
    home: Home,
    days: Days,
    *,
    start: date | None = None,
    most: int = RUN_READINGS,
    days_per_run: int | None = None,
    oldest_first: bool = False,
) -> Plan:
    """Plan a backfill.

    Args:
        home: the data folder.
        days: first and last day, both included.
        start: of the site: earlier days have no partition; None for no such limit.
        most: most readings of one run.
        days_per_run: most days of one run.
        oldest_first: start with the oldest days instead of the newest.

    Raises:
        WrongUse: the range is empty or wrong.
    """
    begin, end = day_span(days)
    with read_ledger(home) as ledger:
        rows = readings_by_slot(ledger, begin, end) if ledger else {}
        gone = retention_horizon(ledger) if ledger else NO_HORIZON
        size = landing_bytes(ledger, begin, end) if ledger else 0
    least = max(gone.floor, start_of_day(start) if start else gone.floor)
    refused = {slot // DAY for slot in rows if slot < least}
    rows = {slot: count for slot, count in rows.items() if slot >= least}
    by_day: dict[int, int] = {}
    for slot, count in rows.items():
        by_day[slot - slot % DAY] = by_day.get(slot - slot % DAY, 0) + count
    runs = _runs(by_day, most, days_per_run or len(by_day) or 1)
    known = history(home)
    readings = sum(rows.values())
    return Plan(
        days=len(by_day),
        hours=len({slot // HOUR for slot in rows}),
        readings=readings,
        bytes=size,
        seconds=estimate(known, readings, len(runs)),
        recorded=len(known),
        runs=tuple(runs if oldest_first else reversed(runs)),
        refused=len(refused),
    )


def chosen(names: str | None) -> tuple[str, ...]:
    """Parse a comma-separated list of tables; empty for all.

    Raises:
        WrongUse: there is no such table.
    """
    wanted = tuple(name.strip() for name in (names or "").split(",") if name.strip())
    known = [name for name, model in models().items() if model.builder != "publish"]
    unknown = [name for name in wanted if name not in (*known, "published", "landing")]
    if unknown:
        raise WrongUse(f"there is no table {unknown[0]!r}", f"choose from {', '.join(known)}, published")
    return wanted


def _runs(by_day: dict[int, int], most: int, days_per_run: int) -> list[Days]:
    """Ranges of days with readings, oldest first. Days without readings are only inside a range."""
    runs: list[Days] = []
    first: int | None = None
    last = held = count = 0
    for day in sorted(by_day):
        if first is not None and (held + by_day[day] > most or count == days_per_run):
            runs.append((day_of(first), day_of(last)))
            first, held, count = None, 0, 0
        first = day if first is None else first
        last, held, count = day, held + by_day[day], count + 1
    if first is not None:
        runs.append((day_of(first), day_of(last)))
    return runs


def range_of(home: Home, first: date | None, last: date | None) -> Days:
    """The requested range of days; an end that is None is the first or last day with readings.

    Raises:
        WrongUse: nothing was ever landed.
    """
    with read_ledger(home) as ledger:
        found = touched_extent(ledger) if ledger else None
    if found is None:
        raise WrongUse("nothing was ever landed here", "collect or import first")
    return first or day_of(found[0]), last or day_of(found[1])
