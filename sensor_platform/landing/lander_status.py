"""Status file of the lander, for people and the command `status`; nothing depends on it."""

from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.temporary_files import temporary_path


class LanderStatus(msgspec.Struct, kw_only=True):
    """State of the lander, as last written."""

    pid: int = 0
    state: str = "starting"
    """`starting`, `idle`, `landing`, `waiting` (after an error; the lander retries) or `stopped`."""
    started_at: int = 0
    """Microseconds since the epoch, UTC, as all times here."""
    updated_at: int = 0
    pending_segments: int = 0
    segments: int = 0
    """Number of segments that this process landed; messages, quarantined and readings are counted likewise."""
    messages: int = 0
    quarantined: int = 0
    readings: int = 0
    last_segment: str | None = None
    error: str | None = None
    unreadable: dict[str, str] = {}
    """Segments that this version cannot read, and why."""


def status_path(home: Home) -> Path:
    """Where the status is."""
    return home.ledger / "lander.json"


def write_status(home: Home, status: LanderStatus) -> None:
    """Replace the status file. It is not fsynced, being useless after a power cut; errors of the disk are ignored."""
    path = status_path(home)
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(msgspec.json.encode(status))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def read_status(home: Home) -> LanderStatus | None:
    """The status as last written; None where there is none."""
    try:
        return msgspec.json.decode(status_path(home).read_bytes(), type=LanderStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
