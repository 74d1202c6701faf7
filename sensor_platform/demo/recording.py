"""The recording of a demo: the files of a site's `replay.yaml` as one stream of messages that ends now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from sensor_platform.demo.replay_table import read_table
from sensor_platform.devices.replay_rows import Message, ReplayPlan, RowEncoder, parse_zone, shift_to
from sensor_platform.errors import WrongUse

_DAY = timedelta(days=1)


class ReplaySource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file, with the options of `sensor-platform replay`."""

    file: str
    """Path, relative to the folder of replay.yaml."""
    topic: str = "sensors/{device}"
    device_column: str | None = None
    device: str | None = None
    """Device of a file without a device column; default: the file's name."""
    time_column: str | None = None
    timezone: str = "UTC"
    naive_time: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """All messages in order of time."""

    messages: Sequence[Message]
    cut: datetime
    """Full hour between history and the last day, aware UTC."""

    @property
    def start(self) -> date:
        """First day of the recording, UTC."""
        first = self.messages[0][0]
        assert first is not None
        return first.date()

    @property
    def history(self) -> list[Message]:
        """Messages before the cut."""
        return [message for message in self.messages if message[0] is None or message[0] < self.cut]

    @property
    def tail(self) -> list[Message]:
        """Messages of the last day."""
        return [message for message in self.messages if message[0] is not None and message[0] >= self.cut]


def record(path: Path, now: datetime) -> Recording:
    """Read every file of `replay.yaml`, each shifted by whole hours so that its last row is now.

    Raises:
        WrongUse: the file or one that it names is wrong.
    """
    messages = [message for source in _sources(path) for message in _messages(path.parent, source, now)]
    if not messages:
        raise WrongUse(f"{path} has nothing to replay", "name files with rows and times")
    return Recording(sorted(messages, key=_time), now.replace(minute=0, second=0, microsecond=0) - _DAY)


def _time(message: Message) -> datetime:
    assert message[0] is not None  # rows without a time are left out below
    return message[0]


def _messages(folder: Path, source: ReplaySource, now: datetime) -> list[Message]:
    zone = parse_zone(source.timezone)
    table = read_table(folder / source.file, source.device_column, source.time_column)
    plan = ReplayPlan(
        topic=source.topic,
        device_column=table.device_column,
        device=source.device or Path(source.file).stem,
        time_column=table.time_column,
        zone=zone,
        naive_time=source.naive_time,
        shift=shift_to(now, table.newest(zone)),
    )
    return [message for message in RowEncoder(plan).messages(table.rows()) if message[0] is not None]


def _sources(path: Path) -> list[ReplaySource]:
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=list[ReplaySource])
    except OSError as error:
        raise WrongUse(f"cannot read {path}: {error.strerror}", "write one, as in examples/demo") from error
    except msgspec.DecodeError as error:
        raise WrongUse(f"{path}: {error}", "correct that key; examples/demo/replay.yaml shows every option") from error
