"""Where the parts of a reading come from: keys of a contract that name fields, levels of the topic and properties."""

from typing import Literal

import msgspec

from sensor_platform.reading.local_times import RepeatedHour
from sensor_platform.reading.names import filter_error
from sensor_platform.reading.template import TemplatePart, parse_template
from sensor_platform.reading.times import format_error, zone

Quality = Literal["good", "uncertain", "bad"]


class ValueSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a value comes from. The first source that is present is used, in the order of these fields."""

    template: str | None = None
    """Text with parts in braces: fields (`{model}`), levels of the topic (`{topic:1}`, `{topic:-1}`), a user property
    (`{property:site}`), the key of a Kafka record (`{key}`); `{channel|none}` has a text for where there is none."""
    field: tuple[str, ...] = ()
    """Payload paths (`a.b`), matched regardless of case and underscores, first match wins."""
    user_property: str | None = None
    """Name of an MQTT 5 user property or Kafka header."""
    kafka_key: bool = False
    topic_level: int | None = None
    """Level of the topic, from 0; negative counts from the end."""
    topic_below: tuple[str, ...] | None = None
    """Topic filters: the topic without the literal levels with which the first one that matches begins (`sensors/#`
    makes `hall/dev1` of `sensors/hall/dev1`); the whole topic where none matches, or nothing would be left."""
    constant: str | None = None

    def __post_init__(self) -> None:
        """Check the template and the topic filters.

        Raises:
            ValueError: the template has no parts, or two with nothing between them; a topic filter is not valid.
        """
        _ = self.parts
        if reason := next(filter(None, map(filter_error, self.topic_below or ())), None):
            raise ValueError(f"topic_below: {reason}")

    @property
    def parts(self) -> tuple[TemplatePart, ...]:
        """The parts of the template; none without one."""
        return parse_template(self.template) if self.template is not None else ()

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """Groups of payload paths of each of which one is used."""
        return (self.field, *((part.name,) for part in self.parts if part.kind == "field"))

    @property
    def fields(self) -> tuple[str, ...]:
        """All payload paths."""
        return tuple(name for choice in self.choices for name in choice)

    @property
    def is_outside(self) -> bool:
        """Whether it can be found without the payload."""
        is_of_topic = self.topic_level is not None or self.topic_below is not None
        return bool(self.user_property or self.kafka_key or is_of_topic or self.constant is not None)

    @property
    def reads_properties(self) -> bool:
        """Whether it reads a user property (header) or the key of a message."""
        return bool(self.user_property or self.kafka_key or any(p.kind in {"property", "key"} for p in self.parts))


class QualitySource(ValueSource, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the quality of a reading comes from, and what its words mean. `true` is good and `false` is bad."""

    values: dict[str | int | bool, Quality] = {}
    """Word, number or boolean to `good`, `uncertain` or `bad`; with a table every other word is `uncertain`."""
    codes: Literal["opc_da", "opc_ua"] | None = None
    """Numbers are the quality of OPC DA (192 is good, 0 bad) or status codes of OPC UA (0 is good)."""

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: both `values` and `codes` are stated.
        """
        if self.values and self.codes:
            raise ValueError("quality: state `values` or `codes`, not both")
        _ = self.parts

    @property
    def is_stated(self) -> bool:
        """Whether the contract says what the qualities mean, so that numbers are qualities too."""
        return bool(self.values or self.codes)


class TimeSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where event time comes from. Without a match the receive time is used, unless `required`."""

    template: str | None = None
    """Date and time in two fields: `"{date} {time}"`; it comes before `field`."""
    field: tuple[str, ...] = ("timestamp", "ts", "time")
    user_property: str | None = None
    format: str = "auto"
    """`auto` distinguishes epoch units by magnitude and accepts ISO 8601 text; `s`, `ms`, `us`, `ns`, `iso`, or a form
    in the letters of strftime (`%d.%m.%Y %H:%M:%S`)."""
    timezone: str = "UTC"
    """IANA zone (or fixed offset like +08:00) of times without a zone."""
    required: bool = False
    repeated_hour: RepeatedHour = "refuse"
    """Which of two a local time is that clocks of `timezone` show twice, in autumn, where the arrival of the message
    does not tell (it decides if it is within an hour). Also for a time that they never show, in spring: by the offset
    before the change (`first`) or after it."""
    fallback: Literal["refuse", "receive_time"] = "refuse"
    """What becomes of a time before the site's start, as clocks show it that are not set: `receive_time` takes the
    receive time, with the tag `clock` = `not_set` and `is_device_time` false."""

    def __post_init__(self) -> None:
        """Check format, template and time zone.

        Raises:
            ValueError: naming the key.
        """
        zone(self.timezone)
        if reason := format_error(self.format):
            raise ValueError(f"time.format: {reason}")
        if wrong := next((part for part in self.parts if part.kind != "field"), None):
            raise ValueError(f"time.template: {wrong.name!r} is not a field")

    @property
    def parts(self) -> tuple[TemplatePart, ...]:
        """The parts of the template; none without one."""
        return parse_template(self.template, is_name=False) if self.template is not None else ()

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """Groups of payload paths of each of which one is used."""
        return (*((part.name,) for part in self.parts), self.field)

    @property
    def fields(self) -> tuple[str, ...]:
        """All payload paths."""
        return tuple(name for choice in self.choices for name in choice)
