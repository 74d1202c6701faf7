"""What an aged home has gone through. Times are microseconds since the epoch, UTC."""

from dataclasses import dataclass

from sensor_platform.kernel.clock import DAY, HOUR, MINUTE

SEGMENT = 5_000_000
"""Length of one segment."""
SLOT_MINUTES = 10
SEGMENTS = HOUR // SEGMENT
STUCK_AT = 1_609_459_200_000_000
"""Event time of the device whose clock stands still: 2021-01-01."""


@dataclass(frozen=True, slots=True)
class AgePlan:
    """A site of `devices` devices that send each minute on the newest day and each hour before.

    One reading a minute is late by up to `late_days`, one device sends garbage with each segment, and the clock of one
    stands still.
    """

    end: int
    """A whole hour; the newest hour ends there."""
    days: int
    devices: int = 1_000
    late_days: int = 7
    raw_days: int = 7

    @property
    def start(self) -> int:
        """First hour."""
        return self.end - self.days * DAY

    @property
    def first_raw(self) -> int:
        """First hour whose raw archive is still there: archives expire by whole days."""
        return (self.end - 1) // DAY * DAY - self.raw_days * DAY

    @property
    def hours(self) -> range:
        """Start of each hour but the newest, which is really landed."""
        return range(self.start, self.end - HOUR, HOUR)

    def readings(self, hour: int) -> int:
        """Readings in time of an hour."""
        return self.devices * (60 if hour >= self.end - DAY else 1)

    def step(self, hour: int) -> int:
        """Time between two readings of the site."""
        return HOUR // self.readings(hour)

    def late(self, hour: int) -> list[int]:
        """Event times of the late readings of an hour, one for each minute, as chance would have them."""
        reach = self.late_days * DAY // MINUTE
        return [
            hour + minute * MINUTE - (hour // MINUTE * 7_919 + minute * 104_729) % reach * MINUTE
            for minute in range(60)
        ]


def segment_of(plan: AgePlan, at: int) -> str:
    """Name of the segment of a receive time."""
    return f"aged-{plan.start // 1000}-{(at - plan.start) // SEGMENT:08d}"


def committed_at(start: int) -> int:
    """When the segment that starts then is committed: in its own hour, so that the hour is compacted as one."""
    return start + SEGMENT - 1
