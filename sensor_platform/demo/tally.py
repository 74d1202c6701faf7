"""Compares sent messages with stored ones, by device and sequence number."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.ledger import landing_paths, read_ledger
from sensor_platform.warehouse.file.connection import read_warehouse

_METRIC = "temperature"
"""Every message has one reading of it, so readings count messages."""


class _Numbered(msgspec.Struct):
    device_id: str
    seq: int


@dataclass
class Sent:
    """Published messages by device."""

    numbers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    again: Counter[str] = field(default_factory=Counter)
    """Number of messages that a device sent twice, by device."""
    late: Counter[str] = field(default_factory=Counter)
    """Number of messages sent after a newer message of the same device, by device."""
    garbage: int = 0
    """Number of undecodable messages, by device."""

    def noted(self, messages: Iterable[ScheduledMessage]) -> Iterator[ScheduledMessage]:
        """Yield the same messages and count each of them."""
        read = msgspec.json.Decoder(_Numbered).decode
        newest: dict[str, int] = {}
        for message in messages:
            try:
                body = read(message.payload)
            except msgspec.DecodeError:
                self.garbage += 1
            else:
                device, known = body.device_id, self.numbers[body.device_id]
                self.again[device] += body.seq in known
                self.late[device] += body.seq < newest.get(device, body.seq) and body.seq not in known
                known.add(body.seq)
                newest[device] = max(body.seq, newest.get(device, body.seq))
            yield message


@dataclass(frozen=True, slots=True)
class DeviceTally:
    """Counts of one device, in messages."""

    device_id: str
    admitted: int
    """Messages that the broker acknowledged."""
    again: int
    late: int
    landed: int
    """Messages in landing files."""
    in_table: int
    """Readings in `readings_clean`, each counted once."""
    doubled: int
    """Readings that are in the table more than once."""
    lost: tuple[int, ...]
    """Sequence numbers that are in no landing file."""

    @property
    def missing(self) -> int:
        """Admitted messages that are missing in the table or in the landing files."""
        return self.admitted - min(self.landed, self.in_table)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of all devices, and of the audit."""

    devices: tuple[DeviceTally, ...]
    killed: Mapping[str, int]
    garbage: int
    received: int
    """Messages counted by the collector, including redelivered ones."""
    fates: tuple[int, int, int]
    """Messages landed, quarantined and duplicate, in this order."""
    difference: int

    @property
    def missing(self) -> int:
        """Number of sent messages of all devices."""
        return sum(each.missing for each in self.devices)

    @property
    def doubled(self) -> int:
        """Number of readings of all devices."""
        return sum(each.doubled for each in self.devices)

    @property
    def holds(self) -> bool:
        """Whether nothing is missing or doubled, including the undecodable messages."""
        return not (self.missing or self.doubled or self.difference) and self.fates[1] >= self.garbage


def take_tally(home: Home, sent: Sent, killed: Mapping[str, int]) -> Tally:
    """Compare sent messages with landing files, table and ledger of a home without running processes."""
    landed, rows = _landed(home), _rows(home)
    found = audit(home)
    hours = found.hours
    return Tally(
        devices=tuple(_device(name, sent, landed[name], rows.get(name, (0, 0))) for name in sorted(sent.numbers)),
        killed=dict(killed),
        garbage=sent.garbage,
        received=sum(hour.received for hour in hours),
        fates=(
            sum(hour.landed for hour in hours),
            sum(hour.quarantined for hour in hours),
            sum(hour.duplicate for hour in hours),
        ),
        difference=found.difference,
    )


def _device(name: str, sent: Sent, landed: set[int], rows: tuple[int, int]) -> DeviceTally:
    admitted = sent.numbers[name]
    count, distinct = rows
    return DeviceTally(
        device_id=name,
        admitted=len(admitted),
        again=sent.again[name],
        late=sent.late[name],
        landed=len(landed & admitted),
        in_table=distinct,
        doubled=count - distinct,
        lost=tuple(sorted(admitted - landed)),
    )


def _landed(home: Home) -> dict[str, set[int]]:
    """Numbers by device in the landing files that the ledger lists."""
    import polars as pl

    found: dict[str, set[int]] = defaultdict(set)
    with read_ledger(home) as ledger:
        paths = landing_paths(ledger, home) if ledger else []
    for path in paths:
        frame = pl.read_parquet(path, columns=["device_id", "metric", "message_id"])
        for device, number in frame.filter(pl.col("metric") == _METRIC).select("device_id", "message_id").iter_rows():
            found[device].add(int(number))
    return found


def _rows(home: Home) -> dict[str, tuple[int, int]]:
    """Number of readings by device in the table: all, and with distinct event times."""
    with read_warehouse(home) as connection:
        found = connection.execute(
            "select device_id, count(*), count(distinct event_at) from readings_clean where metric = ? group by 1",
            [_METRIC],
        ).fetchall()
    return {device: (rows, distinct) for device, rows, distinct in found}
