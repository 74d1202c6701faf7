"""A home with a quarantine, and requeue and drop in it."""

from sensor_platform.home import Home
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.quarantine.reconcile import Reconciled, Reconciler
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment

STRICT = Contract(name="strict", topic="#", device=ValueSource(field=("device",)), strings="number")
LOOSE = Contract(name="loose", topic="#", device=ValueSource(field=("device", "id")), strings="text")
LIMITS = TimeLimits(start=0, max_future=HOUR)
LATER = T0 + 2 * HOUR
ALL = RowSelection()


def requeue(home: Home, contract: Contract, choice: RowSelection = ALL, now: int = LATER) -> list[Reconciled]:
    """Requeue the selected rows under a contract."""
    with open_ledger(home) as ledger:
        return list(
            Reconciler(home, ledger, 600_000_000, lambda: now).requeue(choice, Decoder([contract], LIMITS), "v")
        )


def drop(home: Home, choice: RowSelection = ALL, now: int = LATER) -> list[Reconciled]:
    """Drop the selected rows."""
    with open_ledger(home) as ledger:
        return list(Reconciler(home, ledger, 600_000_000, lambda: now).drop(choice))


def fill(home: Home) -> None:
    """Land one segment of which four messages and a reading are quarantined under `STRICT`."""
    turns = [
        b'{"id": "a", "t": 1}',
        b'{"device": "b", "t": 2, "s": "on"}',
        b'{"t": 3}',
        b'{"device": "c", "t": 4, "ts": 1772280000}',
        b'{"id": "d", "t": 5, "ts": 1772193600}',
        b"garbage",
    ]
    seal_segment(home, 1, [Message(turn) for turn in turns], batch=2)
    land_all(home, [STRICT])
