"""How much of what arrives is refused: the one number that turns amber or red."""

from dataclasses import dataclass
from enum import Enum

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.ledger.schema import read_ledger


class Level(Enum):
    """What the share means."""

    GOOD = "good"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class QuarantineRate:
    """Messages of the newest hours of arrival."""

    hours: int
    received: int
    quarantined: int
    level: Level

    @property
    def share(self) -> float:
        """Of the received messages, 0 to 1; 0 where none was received."""
        return self.quarantined / self.received if self.received else 0.0

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"{self.quarantined} of {self.received} messages of the last {self.hours} hours are quarantined"


def quarantine_rate(home: Home, now: int, *, hours: int, warn_share: float, fail_share: float) -> QuarantineRate:
    """The rate of the hours of arrival that end with the present one.

    Args:
        home: the data folder.
        now: microseconds since the epoch, UTC.
        hours: how many.
        warn_share: amber above this share,
        fail_share: red above this one.
    """
    received = quarantined = 0
    with read_ledger(home) as ledger:
        if ledger is not None:
            received, quarantined = ledger.execute(
                "select coalesce(sum(received), 0), coalesce(sum(quarantined), 0) from counts where hour > ?",
                (now // HOUR * HOUR - hours * HOUR,),
            ).fetchone()
    share = quarantined / received if received else 0.0
    level = Level.RED if share > fail_share else Level.AMBER if share > warn_share else Level.GOOD
    return QuarantineRate(hours, received, quarantined, level)
