"""The status file of a running collector, replaced once a second, for `status`, `doctor` and metrics."""

import os
from bisect import bisect_left
from pathlib import Path
from typing import Literal

import msgspec

ACK_BUCKETS = (0.001, 0.005, 0.010, 0.050, 0.100, 0.500, 1.0)
"""Upper bounds in seconds of the histogram of acknowledgements; one more bucket counts what is slower."""

State = Literal["connecting", "connected", "stalled", "stopping", "stopped"]


class Counters(msgspec.Struct, kw_only=True):
    """Counts since this collector started."""

    messages: int = 0
    """Messages committed to a segment: fsynced, and so acknowledged."""
    best_effort: int = 0
    """Messages at QoS 0 among `messages`: the broker may have dropped others."""
    duplicates: int = 0
    suspects: int = 0
    bytes: int = 0
    commits: int = 0
    segments: int = 0
    connects: int = 0
    """Connections opened."""
    disconnects: int = 0
    """Connections lost."""
    stalls: int = 0
    """Times that a write failed and reading was stopped."""
    lander_starts: int = 0
    fetch_errors: int = 0
    """Errors that Kafka's client library reported."""
    rebalances: int = 0
    """Times that the partitions of the Kafka group were shared out again."""
    lost_offsets: int = 0
    """Offsets that Kafka no longer had when they were to be read; see `audit`."""
    ack_commits: list[int] = msgspec.field(default_factory=lambda: [0] * (len(ACK_BUCKETS) + 1))
    """Group commits by seconds from reading the first message to its acknowledgement; see ACK_BUCKETS."""
    ack_seconds: float = 0.0
    """Sum of these seconds."""

    def note_ack(self, seconds: float) -> None:
        """Count one group that was acknowledged after `seconds`."""
        self.ack_commits[bisect_left(ACK_BUCKETS, seconds)] += 1
        self.ack_seconds += seconds


class CollectorStatus(msgspec.Struct, kw_only=True):
    """`wal/<collector>.status.json`, replaced atomically. The collector has ended if it is some seconds old."""

    collector: str
    pid: int
    broker: str = ""
    """Address of the source, without a password."""
    client_id: str = ""
    """MQTT client id, or consumer group of Kafka."""
    lane: Literal["bulk", "stock"] = "stock"
    """`bulk`: MQTT packets are read in bulk by our own reader; `stock`: by the client library."""
    started_at: float = 0.0
    """Seconds since the epoch."""
    updated_at: float = 0.0
    """Seconds since the epoch."""
    state: State = "connecting"
    session: str = ""
    lag: int | None = None
    """Records of the assigned partitions of Kafka that are not committed yet; None for MQTT."""
    problem: str | None = None
    """Why the collector is not connected, or why it is stalled."""
    is_lander_running: bool = False
    counters: Counters = msgspec.field(default_factory=Counters)


def status_path(wal: Path, collector: str) -> Path:
    """The status file of a collector."""
    return wal / f"{collector}.status.json"


def write_status(wal: Path, status: CollectorStatus) -> None:
    """Replace the status file; not fsynced, because it has no value after a power cut.

    Raises:
        OSError: the folder cannot be written now.
    """
    path = status_path(wal, status.collector)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(status)))
    os.rename(temporary, path)  # noqa: PTH104 - not os.replace, which marks the durable steps


def read_status(wal: Path, collector: str) -> CollectorStatus | None:
    """The status as last written; None where there is no readable file."""
    try:
        return msgspec.json.decode(status_path(wal, collector).read_bytes(), type=CollectorStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
