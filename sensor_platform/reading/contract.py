"""A payload contract defines how the messages of one topic filter become readings. One YAML file each."""

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from sensor_platform.reading.encodings import ENCODINGS
from sensor_platform.reading.encodings.delimited import CsvForm
from sensor_platform.reading.encodings.influx import InfluxForm
from sensor_platform.reading.local_times import RepeatedHour
from sensor_platform.reading.names import filter_error, topic_matches
from sensor_platform.reading.times import TimeFormat, zone

Layout = Literal["auto", "wide", "long", "nested", "samples"]
Retained = Literal["quarantine", "uncertain", "accept"]


class ValueSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a value comes from. The first source that is present is used, in the order of these fields."""

    field: tuple[str, ...] = ()
    """Payload paths (`a.b`), matched regardless of case and underscores, first match wins."""
    user_property: str | None = None
    """Name of an MQTT 5 user property or Kafka header."""
    kafka_key: bool = False
    topic_level: int | None = None
    """Level of the topic, from 0; negative counts from the end."""
    constant: str | None = None

    @property
    def is_outside(self) -> bool:
        """Whether it can be found without the payload."""
        return bool(self.user_property or self.kafka_key or self.topic_level is not None or self.constant is not None)


class TimeSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where event time comes from. Without a match the receive time is used, unless `required`."""

    field: tuple[str, ...] = ("timestamp", "ts", "time")
    user_property: str | None = None
    format: TimeFormat = "auto"
    """`auto` distinguishes epoch units by magnitude and accepts ISO 8601 text."""
    timezone: str = "UTC"
    """IANA zone (or fixed offset like +08:00) of times without a zone."""
    required: bool = False
    repeated_hour: RepeatedHour = "refuse"
    """Which of two a local time is that clocks of `timezone` show twice, in autumn, where the arrival of the message
    does not tell (it decides if it is within an hour). Also for a time that they never show, in spring: by the offset
    before the change (`first`) or after it."""

    def __post_init__(self) -> None:
        """Check the time zone.

        Raises:
            ValueError: there is no such zone.
        """
        zone(self.timezone)


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of `contracts/`."""

    name: str
    topic: str
    """MQTT topic filter; the first contract (by file name) whose filter matches is used."""
    encoding: str = "json"
    """A name in the table `reading.encodings.ENCODINGS`."""
    csv: CsvForm = CsvForm()
    influx: InfluxForm = InfluxForm()
    layout: Layout = "auto"
    """`auto` takes wide, nested and arrays of samples, and long where a metric name and a value are present."""
    device: ValueSource = ValueSource(field=("device_id", "sensor_id", "generator_id", "id"), topic_level=-1)
    time: TimeSource = TimeSource()
    retained: Retained = "quarantine"
    """How a retained MQTT message without a device time is treated: it may be of any age. `quarantine` refuses it,
    `uncertain` takes it at the receive time with that quality, `accept` takes it like every other message."""
    message_id: ValueSource = ValueSource(field=("seq", "sequence", "message_id"))
    metric: ValueSource = ValueSource(field=("metric", "metric_type", "parameter"))
    """For `long`: the name of the metric; the value is in `value`."""
    value: ValueSource = ValueSource(field=("value",))
    unit: ValueSource = ValueSource(field=("unit",))
    quality: ValueSource = ValueSource(field=("quality",))
    tags: dict[str, ValueSource] = {}
    tags_in: str | None = None
    """Payload path of an object all of whose members are tags by their own name (`tags` for encoding `influx`)."""
    units: dict[str, str] = {}
    """Metric to the unit that it is kept in. A value with another unit is converted, and tagged `original_unit`;
    a value whose unit cannot be converted is kept as it is, with the quality `uncertain`."""
    values: dict[str, dict[str, float]] = {}
    """Metric to the numbers of its texts (`door: {open: 1, closed: 0}`), regardless of case; the text is kept."""
    samples: str = "samples"
    """For `samples`: payload path of the array; each element is read as wide or long, on top of the outer fields."""
    rename: dict[str, str] = {}
    """Payload field (dotted path), or name in a long message, to metric name."""
    strings: Literal["text", "number", "ignore"] = "text"
    """How text values are read: as text readings, as numbers written as text (other texts are rejected), or ignored."""
    required_metrics: tuple[str, ...] = ()
    """A message without all of these is quarantined whole (a sample, where it has samples)."""
    ignore: tuple[str, ...] = ()
    """Fields (dotted path; a parent stands for all below it) that are not metrics."""
    unknown_fields: Literal["evolve", "quarantine", "ignore"] = "evolve"
    """How fields are treated that `metrics` does not name."""
    metrics: tuple[str, ...] = ()
    """Known metrics; with none named every field is new and `unknown_fields` must be `evolve`."""

    @property
    def reads_properties(self) -> bool:
        """Whether anything is read from user properties (headers) or the key of a message."""
        sources = (self.device, self.message_id, self.metric, self.value, self.unit, self.quality, *self.tags.values())
        return bool(self.time.user_property) or any(each.user_property or each.kafka_key for each in sources)

    def __post_init__(self) -> None:
        """Check that the keys fit together.

        Raises:
            ValueError: naming the key and the reason.
        """
        if not self.name:
            raise ValueError("name must not be empty")
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding: {self.encoding!r} is not one of {', '.join(ENCODINGS)}")
        if reason := filter_error(self.topic):
            raise ValueError(f"topic: {reason}")
        if self.unknown_fields != "evolve" and not self.metrics:
            raise ValueError(f"unknown_fields: {self.unknown_fields} needs `metrics` to name the known ones")
        if self.layout == "long":
            _check_long(self)
        if self.metrics and (lost := sorted(set(self.required_metrics) - set(self.metrics))):
            raise ValueError(f"required_metrics: {lost[0]!r} is not among `metrics`")
        _check_values(self.values)
        _check_units(self.units)
        if not self.samples:
            raise ValueError("samples must name a field")


def _check_units(units: dict[str, str]) -> None:
    if not units:
        return
    from sensor_platform.reading.units import is_unit

    for metric, unit in units.items():
        if not is_unit(unit):
            raise ValueError(f"units: {unit!r} of {metric!r} is not a known unit")


def _check_values(values: dict[str, dict[str, float]]) -> None:
    for metric, numbers in values.items():
        if len({text.strip().lower() for text in numbers}) < len(numbers):
            raise ValueError(f"values: {metric!r} has a text twice")
        if wrong := [text for text, number in numbers.items() if not math.isfinite(number)]:
            raise ValueError(f"values: {wrong[0]!r} of {metric!r} must be a finite number")


def _check_long(contract: Contract) -> None:
    if contract.required_metrics:
        raise ValueError("required_metrics: a long message holds one metric, so none can be required beside it")
    if not (contract.metric.field or contract.metric.is_outside):
        raise ValueError("metric: layout `long` needs to know where the metric's name is")
    if not contract.value.field:
        raise ValueError("value: layout `long` needs to know which field holds the value")


DEFAULT_CONTRACT = Contract(name="default", topic="#")


def contract_for(contracts: Sequence[Contract], topic: str) -> Contract | None:
    """The first contract whose filter matches, or None."""
    return next((contract for contract in contracts if topic_matches(contract.topic, topic)), None)


def contract_version(contracts: Sequence[Contract]) -> str:
    """16 hex digits that change when anything in the contracts, or their order, changes."""
    return hashlib.sha256(msgspec.json.encode(list(contracts), order="deterministic")).hexdigest()[:16]
