"""Columns of messages as input, and of records, readings and rejects as output. Plain lists are quick to fill."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sensor_platform.reading.model import Rejected
from sensor_platform.reading.value_kinds import Drift

if TYPE_CHECKING:
    from array import array

RETAINED_TAG = "retained"
"""Tag, with the value `true`, of readings from messages that the MQTT broker had kept."""


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
    retained: AbstractSet[int] = frozenset()
    """Indices of messages that the MQTT broker had kept and sent because we subscribed: they may be of any age."""

    def __len__(self) -> int:
        return len(self.payloads)


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Times between which a reading is accepted, in microseconds."""

    start: int
    """Start of the site's partitions, since the epoch, UTC."""
    max_future: int
    """Maximum that a device's clock may be ahead of ours."""


@dataclass(slots=True)
class Records:
    """Fields shared by the readings of a record, one element per record: a message, or one sample of it."""

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
    """Readings that were decoded together: `record[i]` has `value[i]` (or `text[i]`) of `metric[i]`."""

    record: Sequence[int]
    metric: str | Sequence[str]
    """One name for all readings, or one for each."""
    value: "array[float] | None"
    text: Sequence[str] | None
    """Texts of text readings; beside a value, the text that the contract's `values` turned into the number."""
    kinds: int | Sequence[int]
    """`ValueKind` of all readings, or of each."""
    unit: str | None = None
    """Unit that the values were converted to; it replaces that of the record."""
    quality: str | None = None
    """`uncertain` if the unit could not be converted; it replaces the quality of the record."""
    is_described: bool = True
    """Whether unit and quality of the record apply to this metric (they do not to extra fields of a long message)."""


@dataclass(slots=True)
class Decoded:
    """A decoded batch. Every message has a reading, a reject, or both."""

    records: Records = field(default_factory=Records)
    tag_sets: list[tuple[tuple[str, str], ...]] = field(default_factory=lambda: [()])
    blocks: list[ReadingBlock] = field(default_factory=list)
    rejected: list[tuple[int, Rejected]] = field(default_factory=list)
    """Index of the message, and the rule and reason of the reject."""
    drift: list[Drift] = field(default_factory=list)
    """Drift found in the messages themselves; drift of types is derived from the blocks."""
    has_reading: bytearray = field(default_factory=bytearray)
    """1 for each message with at least one good reading."""
