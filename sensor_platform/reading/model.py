"""The two nouns of the platform: an envelope (a message exactly as it arrived) and a reading (one value)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag


class EnvelopeFlag(IntFlag):
    """What the collector decided about a message before it was written."""

    NONE = 0
    DUPLICATE = 1
    """A redelivery of a message that is already in the WAL; counted, never landed."""
    SUSPECT = 2
    """Marked as a redelivery by the broker, but we cannot show that we have it; landed and flagged."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as it arrived. `payload` is byte for byte what the broker sent."""

    topic: str
    payload: bytes
    received_at: datetime
    """Ours, aware UTC, microseconds."""
    segment: str
    position: int
    """Ordinal of the message in its segment, from 0."""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    """0 for QoS 0."""
    session: str = ""
    """Broker session: a new one whenever the broker had none for us."""
    flags: EnvelopeFlag = EnvelopeFlag.NONE
    content_type: str | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    """MQTT 5 user properties or Kafka headers, in order of arrival."""
    key: bytes | None = None
    """Kafka key."""
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric of one device.

    One of `value` and `text` is set; both where the contract says which number a text means. Landing files have these
    columns in this order, times as TIMESTAMP (UTC, microseconds) and `tags` as MAP.
    """

    device_id: str
    metric: str
    event_at: datetime
    """The device's clock, aware UTC; `received_at` where the message has none."""
    received_at: datetime
    value: float | None
    text: str | None
    unit: str | None
    quality: str | None
    tags: dict[str, str] = field(default_factory=dict)
    message_id: str | None = None
    """The device's own sequence or message id, as text; used for dedupe within one slot of event time."""
    topic: str = ""
    segment: str = ""
    position: int = 0
    is_device_time: bool = True
    """False where `event_at` is only the receive time."""
    is_suspect: bool = False
    """True where the message may be a redelivery of one that we have."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a message, or one reading of it, was refused: a row of the quarantine."""

    rule: str
    """Stable name, for instance `undecodable`, `no_device`, `in_the_future`, `before_start`."""
    reason: str
    """What was wrong with this one."""
    hint: str
    """What to do about it."""
    device_id: str | None = None
    metric: str | None = None
