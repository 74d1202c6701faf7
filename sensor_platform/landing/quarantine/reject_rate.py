"""Share of arriving messages that are quarantined, with two thresholds."""

from dataclasses import dataclass
from enum import Enum

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.ledger.schema import read_ledger


class Level(Enum):
    """Rating of the share."""

    GOOD = "good"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class QuarantineRate:
    """Number of received and quarantined messages in the newest hours of arrival."""

    hours: int
    received: int
    quarantined: int
    level: Level

    @property
    def share(self) -> float:
        """Quarantined share of the received messages, 0 to 1; 0 if none was received."""
        return self.quarantined / self.received if self.received else 0.0

    @property
    def sentence(self) -> str:
        """The rate as a sentence."""
        return f"{self.quarantined} of {self.received} messages of the last {self.hours} hours are quarantined"


def quarantine_rate(home: Home, now: int, *, hours: int, warn_share: float, fail_share: float) -> QuarantineRate:
    """The rate of the hours of arrival that end with the present one.

    Args:
        home: the data folder.
        now: microseconds since the epoch, UTC.
        hours: number of hours.
        warn_share: amber above this share.
        fail_share: red above this share.
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
