"""Settings of the engine: windows and bounds. Loads nothing heavy, because every command reads the settings."""

import msgspec

from sensor_platform.kernel.durations import duration, duration_text


class WindowSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of window: tumbling, or hopping if `every` is shorter than `length`. Aligned to the epoch, UTC."""

    length: str = "10s"
    every: str = ""
    """Interval between the starts of windows; empty for tumbling."""
    grace: str = "1s"
    """Time after its end, by the device's watermark, that a window stays open for late readings."""

    def __post_init__(self) -> None:
        """Check the durations and that hops divide the length.

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
        """Interval between the starts of windows, microseconds."""
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
    """What the engine computes, and its bounds of memory."""

    windows: tuple[WindowSpec, ...] = (WindowSpec(), WindowSpec(length="1m"))
    keep: str = "2m"
    """Time that a closed window is kept for late readings, with which it is emitted again."""
    idle: str = "10s"
    """Time without readings after which the windows of a device are closed by the clock."""
    settle: str = "1s"
    """Delay of the time-outs of alerts, because earlier arrivals may still be on their way to the engine."""
    most_series: int = 200_000
    """Bound of memory; series beyond it are not followed live."""
    most_windows: int = 2_000_000
    """Bound of memory; beyond it the oldest closed windows are discarded."""

    def __post_init__(self) -> None:
        """Check the durations.

        Raises:
            ValueError: a text is not a duration.
        """
        for text in (self.keep, self.idle, self.settle):
            duration(text)
