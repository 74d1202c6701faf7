"""Makes a lander from plain configuration, with its lock and its ledger."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE, now_micros, start_of_day
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.lander import Lander
from sensor_platform.landing.lander_lock import lander_lock
from sensor_platform.landing.ledger.decoder_memory import load_memory
from sensor_platform.landing.ledger.device_rules import keep_device_rule
from sensor_platform.landing.ledger.schema import open_ledger
from sensor_platform.landing.ledger.slot_grid import keep_grid
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.reading.decode import Decoder


def limits_of(config: LandingConfig, start: date) -> TimeLimits:
    """Times between which readings are accepted."""
    first = start_of_day(start)
    return TimeLimits(start=first, max_future=config.max_future_seconds * 1_000_000)


@contextmanager
def open_lander(
    home: Home,
    contracts: Sequence[Contract],
    config: LandingConfig,
    start: date,
    slot_minutes: int,
    clock: Callable[[], int] = now_micros,
) -> Iterator[Lander]:
    """Open the one lander of a home.

    Args:
        home: the data folder.
        contracts: in order of precedence.
        config: section `landing` of the site.
        start: first UTC day that is accepted.
        slot_minutes: length of a slot.
        clock: microseconds since the epoch, UTC.

    Raises:
        Unreachable: another lander works on this home, or the ledger cannot be opened.
        WrongUse: the home was made with slots of another length.
    """
    with lander_lock(home), open_ledger(home) as ledger:
        home.wal.mkdir(parents=True, exist_ok=True)
        keep_grid(ledger, slot_minutes)
        keep_device_rule(ledger, home)
        yield Lander(
            home=home,
            ledger=ledger,
            decoder=Decoder(contracts, limits_of(config, start), load_memory(ledger)),
            contract_version=contract_version(contracts),
            slot=slot_minutes * MINUTE,
            clock=clock,
        )
