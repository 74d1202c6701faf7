"""Steps of retention that are too long to be taken without a person, and a floor that lies in the future.

They are read from the ledger alone. They are here, not in `retention`, because `doctor` says them too.
"""

from dataclasses import dataclass
from datetime import date

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, utc_from_micros
from sensor_platform.landing.due_floor import due_floor
from sensor_platform.landing.ledger import landing_floor, read_ledger, retention_clock

_CONFIRM = "sensor-platform retention --apply --yes"
_SLOWLY = "each day with arrivals takes two days of it"


@dataclass(frozen=True, slots=True)
class LongStep:
    """One step that waits."""

    what: str
    """`today` of retention, or `landing floor`."""
    at: date
    """Where it is."""
    due: date
    """Where it would be."""
    detail: str
    hint: str

    @property
    def days(self) -> int:
        """Length of the step, negative for a step back."""
        return (self.due - self.at).days


def long_steps(home: Home, keep_days: int, now: int) -> tuple[LongStep, ...]:
    """The steps that wait, read from the ledger.

    Args:
        home: the data folder.
        keep_days: days that landing files are kept, 0 for ever.
        now: microseconds since the epoch, UTC.
    """
    found: list[LongStep] = []
    with read_ledger(home) as ledger:
        clock = None if ledger is None else retention_clock(ledger, now)
        if ledger is None or clock is None:
            return ()
        if clock.waiting_days:
            found.append(_long_step("today", clock.today, clock.target))
        floor = landing_floor(ledger)
        if floor is not None and floor > clock.target + DAY:
            found.append(_future_floor(floor, clock.target))
        elif keep_days:
            due = due_floor(ledger, keep_days, clock.today)
            if due.limit is not None and due.waiting_days:
                found.append(_long_step("landing floor", due.limit, due.floor))
    return tuple(found)


def _long_step(what: str, at: int, due: int) -> LongStep:
    first, last = utc_from_micros(at).date(), utc_from_micros(due).date()
    return LongStep(
        what,
        first,
        last,
        f"{what} of retention is at {first} and would be {last}: {(last - first).days} days wait",
        f"{_SLOWLY}; if {last} is right, take all of them with `{_CONFIRM}`",
    )


def _future_floor(floor: int, today: int) -> LongStep:
    first, last = utc_from_micros(floor).date(), utc_from_micros(today).date()
    return LongStep(
        "landing floor",
        first,
        last,
        f"the landing floor is {first}, and the newest arrival, or the clock, is of {last}: no reading before the"
        " floor changes a table",
        f"move it back to the first day whose readings are all there with `{_CONFIRM}`",
    )
