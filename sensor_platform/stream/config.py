"""What the engine is told: windows and bounds. Loads nothing heavy, for every command reads the settings."""

import msgspec

from sensor_platform.kernel.durations import duration, duration_text


class WindowSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of window: tumbling, or hopping where `every` is shorter than `length`. Aligned to the epoch, UTC."""

    length: str = "10s"
    every: str = ""
    """A new window starts so often; empty for tumbling."""
    grace: str = "1s"
    """How long after its end, by the device's watermark, a window stays open for late readings."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: naming the key and the reason.
        """
        duration(self.grace)
        if self.hop < 1_000_000:
            raise ValueError("a window is at least 1s long, and starts at most once a second")
        if self.size % self.hop:
            raise ValueError(f"every: {self.every} does not divide the length {self.length}")

    @property
    def size(self) -> int:
        """Length in microseconds."""
        return duration(self.length)

    @property
    def hop(self) -> int:
        """Microseconds from one start to the next."""
        return duration(self.every) if self.every else self.size

    @property
    def name(self) -> str:
        """`10s`, or `1m/10s` for hopping."""
        return (
            duration_text(self.size)
            if self.hop == self.size
            else f"{duration_text(self.size)}/{duration_text(self.hop)}"
        )


class EngineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the engine computes, and within which bounds."""

    windows: tuple[WindowSpec, ...] = (WindowSpec(), WindowSpec(length="1m"))
    keep: str = "2m"
    """A closed window waits so long for late readings, and is emitted again when they come."""
    idle: str = "10s"
    """The windows of a device that is silent for so long are closed by the clock."""
    settle: str = "1s"
    """Time-outs of alarms are served so long after they are due: what arrived before may still be on its way."""
    most_series: int = 200_000
    most_windows: int = 2_000_000
    """Bounds of memory; beyond them the oldest closed windows are given up, and new series are not followed."""

    def __post_init__(self) -> None:
        """Refuse what is no duration."""
        for text in (self.keep, self.idle, self.settle):
            duration(text)
