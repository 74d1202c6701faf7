"""A rule of what is forgotten: a device, a metric or a topic, and a range of event time."""

import hashlib
import json

import msgspec

from sensor_platform.kernel.days import filled_span
from sensor_platform.reading.names import topic_matches


class ForgetRule(msgspec.Struct, frozen=True, kw_only=True):
    """What one `forget` deletes. All conditions that are set hold together. Times are microseconds, UTC.

    Without `end` the rule takes what was received up to `at`, and what is of event time before `at`, whenever it comes:
    a late or repeated message is forgotten, a new reading of the device lands.
    """

    at: int
    """The moment of the command."""
    device: str | None = None
    metric: str | None = None
    topic: str | None = None
    """MQTT topic filter."""
    first: int | None = None
    """Event time, included."""
    end: int | None = None
    """Event time, excluded."""
    pending: bool = True
    """Whether something may still have to be deleted: a killed `forget` is finished by the next one, or by upkeep."""

    @property
    def id(self) -> str:
        """Name of the rule: 8 hex digits."""
        said = [self.at, *self.names, self.first, self.end]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]

    @property
    def names(self) -> tuple[str | None, str | None, str | None]:
        """Device, metric and topic."""
        return self.device, self.metric, self.topic

    @property
    def is_whole_device(self) -> bool:
        """Whether nothing of a device that came before is left."""
        return self.device is not None and (self.metric, self.topic, self.first, self.end) == (None, None, None, None)

    @property
    def keeps_rejects_away(self) -> bool:
        """Whether rejected messages of its device are taken whenever they come: they have no event time."""
        return self.device is not None and (self.metric, self.topic, self.end) == (None, None, None)

    @property
    def span(self) -> tuple[int, int]:
        """Event times that the rule can take."""
        return filled_span(self.first, self.end)

    @property
    def is_of_all_time(self) -> bool:
        """Whether it takes everything of its names that came before the command."""
        return (self.topic, self.first, self.end) == (None, None, None)

    @property
    def alert_span(self) -> tuple[int, int]:
        """Times of [first, end) at which an alert is of what the rule takes."""
        first, end = self.span
        return first, self.at + 1 if self.end is None else end

    def is_in_time(self, event_at: int, received_at: int) -> bool:
        """Whether a reading is of its time."""
        first, end = self.span
        if self.end is None:
            return event_at >= first and (event_at < self.at or received_at <= self.at)
        return first <= event_at < end

    def takes(self, device: str, metric: str, topic: str, event_at: int, received_at: int) -> bool:
        """Whether it takes a reading."""
        return (
            self.device in {None, device}
            and self.metric in {None, metric}
            and (self.topic is None or topic_matches(self.topic, topic))
            and self.is_in_time(event_at, received_at)
        )
