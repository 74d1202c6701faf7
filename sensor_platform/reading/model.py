"""The two basic types of the platform: an envelope (a message exactly as it arrived) and a reading (one value)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag


class EnvelopeFlag(IntFlag):
    """Flags that the collector sets before it writes a message."""

    NONE = 0
    DUPLICATE = 1
    """A redelivery of a message that is already in the WAL; counted, never landed."""
    SUSPECT = 2
    """Marked as a redelivery by the broker, but not found in the WAL; landed and flagged."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as it arrived. `payload` has exactly the bytes that the broker sent."""

    topic: str
    payload: bytes
    received_at: datetime
    """Receive time by our clock, aware UTC, microseconds."""
    segment: str
    position: int
    """Ordinal of the message in its segment, from 0."""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    """MQTT packet identifier; 0 for QoS 0."""
    session: str = ""
    """Number of the broker session; a new one whenever the broker did not have a session for us."""
    flags: EnvelopeFlag = EnvelopeFlag.NONE
    content_type: str | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    """MQTT 5 user properties or Kafka headers, in order of arrival."""
    key: bytes | None = None
    """Key of a Kafka record."""
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric of one device.

    One of `value` and `text` is set; both if the contract maps the text to a number. Landing files have these
    columns in this order, times as TIMESTAMP (UTC, microseconds) and `tags` as MAP.
    """

    device_id: str
    metric: str
    event_at: datetime
    """Time by the device's clock, aware UTC; `received_at` if the message has none."""
    received_at: datetime
    """Receive time by our clock; that of a retained message is at most the device's time: the broker had it then."""
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
    """False if `event_at` is only the receive time."""
    is_suspect: bool = False
    """True if the message may be a redelivery of one that has landed."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a message, or one reading of it, was rejected: a row of the quarantine."""

    rule: str
    """Stable name, for instance `undecodable`, `no_device`, `in_the_future`, `before_start`."""
    reason: str
    """What was wrong with this message or reading."""
    hint: str
    """What to do about it."""
    device_id: str | None = None
    metric: str | None = None
