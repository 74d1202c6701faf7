"""Notes of a model about training: that one was asked for, or that one waits for more data. Hints, not state."""

from datetime import datetime
from pathlib import Path

import msgspec

from sensor_platform.kernel import durable

ASKED = "asked.json"
WAITING = "waiting.json"


class TrainingNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`asked.json` or `waiting.json`: when and why a training was asked for, or did not find enough data."""

    asked_at: datetime
    reason: str


def write_note(folder: Path, name: str, now: datetime, reason: str) -> None:
    """Replace a note."""
    durable.write_file(folder / name, msgspec.json.encode(TrainingNote(asked_at=now, reason=reason)) + b"\n")


def read_note(folder: Path, name: str) -> TrainingNote | None:
    """The newest note of that name; None where there is none or it cannot be read."""
    try:
        return msgspec.json.decode((folder / name).read_bytes(), type=TrainingNote)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
