"""What a running collector says about itself, once a second, for `status`, `doctor` and metrics."""

import os
from bisect import bisect_left
from pathlib import Path
from typing import Literal

import msgspec

ACK_BUCKETS = (0.001, 0.005, 0.010, 0.050, 0.100, 0.500, 1.0)
"""Upper bounds in seconds of the histogram of acknowledgements; one more bucket counts what is slower."""

State = Literal["connecting", "connected", "stalled", "stopping", "stopped"]


class Counters(msgspec.Struct, kw_only=True):
    """Since this collector started."""

    messages: int = 0
    """Committed to a segment: what has been fsynced, and so acknowledged."""
    best_effort: int = 0
    """Of these, at QoS 0: the broker may have dropped others before."""
    duplicates: int = 0
    suspects: int = 0
    bytes: int = 0
    commits: int = 0
    segments: int = 0
    connects: int = 0
    """Connections opened, and connections lost."""
    disconnects: int = 0
    stalls: int = 0
    """Times that writing failed and reading was stopped."""
    lander_starts: int = 0
    ack_commits: list[int] = msgspec.field(default_factory=lambda: [0] * (len(ACK_BUCKETS) + 1))
    """Group commits by seconds from reading their first message to fsync and answer, in buckets of ACK_BUCKETS."""
    ack_seconds: float = 0.0
    """Their sum."""

    def note_ack(self, seconds: float) -> None:
        """One more group was acknowledged."""
        self.ack_commits[bisect_left(ACK_BUCKETS, seconds)] += 1
        self.ack_seconds += seconds


class CollectorStatus(msgspec.Struct, kw_only=True):
    """`wal/<collector>.status.json`, replaced atomically; older than a few seconds means that the collector is gone."""

    collector: str
    pid: int
    broker: str
    """Without the password."""
    client_id: str
    lane: Literal["bulk", "stock"]
    started_at: float
    """Seconds since the epoch, as `updated_at`."""
    updated_at: float
    state: State = "connecting"
    session: str = ""
    problem: str | None = None
    """Why it is not connected, or why it is stalled."""
    is_lander_running: bool = False
    counters: Counters = msgspec.field(default_factory=Counters)


def status_path(wal: Path, collector: str) -> Path:
    """Where a collector keeps its status."""
    return wal / f"{collector}.status.json"


def write_status(wal: Path, status: CollectorStatus) -> None:
    """Replace the status; not fsynced, for it is worth nothing after a power cut.

    Raises:
        OSError: the folder cannot be written now.
    """
    path = status_path(wal, status.collector)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(status)))
    os.rename(temporary, path)  # noqa: PTH104 - not os.replace, which marks the durable steps


def read_status(wal: Path, collector: str) -> CollectorStatus | None:
    """The status as last written; None where there is none that can be read."""
    try:
        return msgspec.json.decode(status_path(wal, collector).read_bytes(), type=CollectorStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
