"""Rows of a table as the messages that a device would have sent. Pure; `demo.replay_table` reads the file.

One wide JSON message per row: device, time and a sequence under the names of the default contract, then each column
that has a value. Missing values (null, NaN) are left out.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.errors import WrongUse
from sensor_platform.reading.times import zone

_encode = msgspec.json.Encoder().encode
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_UNSAFE = {character: f"%{ord(character):02X}" for character in "%+#/\0"}

Cell = str | bool | int | float | datetime | None
Message = tuple[datetime | None, str, bytes]
"""Shifted event time (aware UTC) or None, topic, payload."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How rows become messages."""

    topic: str = "sensors/{device}"
    """Template with `{device}` or any column; characters with a meaning in MQTT (`+ # /`, NUL) are percent-escaped."""
    device_column: str | None = None
    device: str = "replay"
    """Device id for files without a device column."""
    time_column: str | None = None
    zone: tzinfo = UTC
    """Zone of times in the file without a zone."""
    naive_time: bool = False
    """Send local times of `zone` without the zone, as devices with a naive clock do."""
    shift: timedelta = timedelta(0)
    keep_names: bool = False
    """Keep the names of the device and time columns, instead of `device_id` and `timestamp`."""


@dataclass(slots=True)
class RowEncoder:
    """Turns rows into messages; the sequence of each device continues over all batches of rows."""

    plan: ReplayPlan
    _sequences: dict[str, int] = field(default_factory=dict)

    def messages(self, rows: Iterable[Mapping[str, Cell]]) -> Iterator[Message]:
        """The message of each row, in the order given."""
        plan = self.plan
        for row in rows:
            device = self._device(row)
            at = event_time(row, plan)
            seq = self._sequences[device] = self._sequences.get(device, 0) + 1
            body: dict[str, Cell] = {
                plan.device_column or "device_id" if plan.keep_names else "device_id": device,
                "seq": seq,
            }
            if at is not None:
                local = at.astimezone(plan.zone)
                name = plan.time_column or "timestamp" if plan.keep_names else "timestamp"
                body[name] = local.replace(tzinfo=None) if plan.naive_time else local
            for column, cell in row.items():
                if column not in (plan.device_column, plan.time_column) and _is_present(cell):
                    body.setdefault(column, cell)
            yield at, topic_of(plan.topic, row, device), _encode(body)

    def _device(self, row: Mapping[str, Cell]) -> str:
        if self.plan.device_column is None:
            return self.plan.device
        cell = row.get(self.plan.device_column)
        return "" if cell is None else str(cell)


def event_time(row: Mapping[str, Cell], plan: ReplayPlan) -> datetime | None:
    """Shifted time of a row, aware UTC; None if the file or the row has no time."""
    cell = row.get(plan.time_column) if plan.time_column else None
    if not isinstance(cell, datetime):
        return None
    aware = cell if cell.tzinfo else cell.replace(tzinfo=plan.zone)
    return aware.astimezone(UTC) + plan.shift


def topic_of(template: str, row: Mapping[str, Cell], device: str) -> str:
    """The topic of one row.

    Raises:
        WrongUse: the template names a column that the file does not have.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name == "device":
            return escape_level(device)
        if name in row:
            return escape_level(str(row[name]))
        raise WrongUse(f"the topic template names {{{name}}}, which is not a column", f"columns are {', '.join(row)}")

    return _PLACEHOLDER.sub(value, template)


def escape_level(text: str) -> str:
    """`text` as one topic level: percent-escapes + # / % and NUL, so that a device name cannot add a level."""
    return "".join(_UNSAFE.get(character, character) for character in text) or "%00"


def parse_zone(name: str) -> tzinfo:
    """An IANA zone (`Asia/Shanghai`) or a fixed offset (`+08:00`).

    Raises:
        WrongUse: it is neither.
    """
    try:
        return zone(name)
    except ValueError as error:
        raise WrongUse(f"unknown time zone {name!r}", "use an IANA name such as Asia/Shanghai, or +08:00") from error


def shift_to(now: datetime, newest: datetime) -> timedelta:
    """The largest whole number of hours that keeps `newest` at or before `now`; minutes do not change."""
    return timedelta(hours=(now - newest) // timedelta(hours=1))


def between(messages: Iterable[Message], first: datetime | None, last: datetime | None) -> Iterator[Message]:
    """Messages with first <= time < last, and those without a time; None means no bound.

    Messages are selected, not rows, so that the sequences of two parts of one file join.
    """
    for message in messages:
        at = message[0]
        if at is None or ((first is None or at >= first) and (last is None or at < last)):
            yield message


def paced(messages: Iterable[Message], speed: float | None) -> Iterator[ScheduledMessage]:
    """Offsets from event times: `speed` seconds of data per second, None for as fast as possible.

    Rows without a time, or out of order, are due together with the row before them.
    """
    first: datetime | None = None
    offset = 0.0
    for at, topic, payload in messages:
        if at is not None and speed is not None:
            first = first or at
            offset = max(offset, (at - first).total_seconds() / speed)
        yield ScheduledMessage(offset, topic, payload)


def _is_present(cell: Cell) -> bool:
    return cell is not None and not (isinstance(cell, float) and not math.isfinite(cell))
