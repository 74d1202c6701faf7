"""Columns of messages going in, and of records, readings and refusals coming out. Plain lists: quick to fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sensor_platform.reading.model import Rejected
from sensor_platform.reading.value_kinds import Drift

if TYPE_CHECKING:
    from array import array


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages in order of arrival, one list element each. Times are microseconds since the epoch, UTC."""

    topics: Sequence[str]
    payloads: Sequence[bytes]
    received_at: Sequence[int]
    user_properties: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """MQTT 5 user properties or Kafka headers by index, only where there are any."""
    keys: Mapping[int, bytes] = field(default_factory=dict)
    """Kafka keys by index, only where there is one."""

    def __len__(self) -> int:
        return len(self.payloads)


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Between which times a reading is believed, in microseconds."""

    start: int
    """First moment of the site's partitions."""
    max_future: int
    """How far a device's clock may be ahead of ours."""


@dataclass(slots=True)
class Records:
    """What the readings of one record share: a record is a message, or one sample of it. One element per record."""

    message: list[int] = field(default_factory=list)
    """Index of the message in the batch."""
    device_id: list[str] = field(default_factory=list)
    event_at: list[int] = field(default_factory=list)
    is_device_time: list[bool] = field(default_factory=list)
    message_id: list[str | None] = field(default_factory=list)
    unit: list[str | None] = field(default_factory=list)
    quality: list[str | None] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    """Index into `Decoded.tag_sets`."""


@dataclass(frozen=True, slots=True)
class ReadingBlock:
    """Readings that were decoded together: `record[i]` measured `value[i]` (or said `text[i]`) of `metric[i]`."""

    record: Sequence[int]
    metric: str | Sequence[str]
    """One name for all, or one each."""
    value: "array[float] | None"
    text: Sequence[str] | None
    """Beside a value: the text that the contract's `values` made the number of."""
    kinds: int | Sequence[int]
    """`drift.Kind` of all, or of each."""
    unit: str | None = None
    """Instead of the record's: the unit that the values were converted to."""
    quality: str | None = None
    """Instead of the record's: `uncertain` where its unit could not be converted."""
    is_described: bool = True
    """Whether unit and quality of the record are those of this metric (not so for extra fields of a long message)."""


@dataclass(slots=True)
class Decoded:
    """What became of a batch. Every message has a reading or a refusal, or both."""

    records: Records = field(default_factory=Records)
    tag_sets: list[tuple[tuple[str, str], ...]] = field(default_factory=lambda: [()])
    blocks: list[ReadingBlock] = field(default_factory=list)
    rejected: list[tuple[int, Rejected]] = field(default_factory=list)
    """Index of the message, and what was refused of it."""
    drift: list[Drift] = field(default_factory=list)
    """What the messages themselves say of drift; that of types follows from the blocks."""
    has_reading: bytearray = field(default_factory=bytearray)
    """1 for each message with at least one good reading."""
