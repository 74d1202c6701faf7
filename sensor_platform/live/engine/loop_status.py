"""State of the engine's thread, as other threads read it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LoopStatus:
    """Written by the engine's thread only."""

    state: str = "starting"
    """`starting`, `restoring`, `following`, `catching up`, `waiting` (a write failed) or `stopped`."""
    problem: str = ""
    """Why the last step failed; empty if it succeeded."""
    lag_bytes: int = 0
    """Committed bytes of all collectors that are not read yet."""
    lag_micros: int = 0
    """Age of the newest message that was read, while there are more to read."""
    steps: int = 0
    """Steps since the start."""
    gaps: list[str] = field(default_factory=list)
    """Segments that were gone before they were read, newest last: windows that were open then are incomplete."""
    restored: str = ""
    """What the start restored the engine from."""
    step_seconds: float = 0.0
    """Duration of the newest step that read messages."""
    damaged_bytes: int = 0
    """Bytes of segments that could not be decoded."""
