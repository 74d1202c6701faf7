"""A payload contract says how the messages of one topic filter become readings. One YAML file each."""

from typing import Literal

import msgspec


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a value comes from; the first that is present wins, in the order of these fields."""

    field: tuple[str, ...] = ()
    """Payload paths (`a.b`), matched regardless of case and underscores, first match wins."""
    user_property: str | None = None
    """Name of an MQTT 5 user property or Kafka header."""
    kafka_key: bool = False
    topic_level: int | None = None
    """Level of the topic, from 0; negative counts from the end."""
    constant: str | None = None


class TimeSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where event time comes from. Without a match the receive time is used, unless `required`."""

    field: tuple[str, ...] = ("timestamp", "ts", "time")
    user_property: str | None = None
    format: Literal["auto", "s", "ms", "us", "ns", "iso"] = "auto"
    """`auto` tells epoch units apart by magnitude and takes ISO 8601 text."""
    timezone: str = "UTC"
    """IANA zone (or fixed offset like +08:00) of times that name none."""
    required: bool = False


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of `contracts/`."""

    name: str
    topic: str
    """MQTT topic filter; the first contract (by file name) whose filter matches is used."""
    encoding: Literal["json", "json_in_json"] = "json"
    layout: Literal["auto", "wide", "long", "nested", "samples"] = "auto"
    device: Source = Source(field=("device_id", "sensor_id", "generator_id", "id"), topic_level=-1)
    time: TimeSource = TimeSource()
    message_id: Source = Source(field=("seq", "sequence", "message_id"))
    metric: Source = Source(field=("metric", "metric_type", "parameter"))
    """For `long`: the name of the metric; the value is in `value`."""
    value: Source = Source(field=("value",))
    unit: Source = Source(field=("unit",))
    quality: Source = Source(field=("quality",))
    tags: dict[str, Source] = {}
    samples: str = "samples"
    """For `samples`: payload path of the array; each element is read as wide or long, on top of the outer fields."""
    rename: dict[str, str] = {}
    """Payload field (dotted path) to metric name."""
    required_metrics: tuple[str, ...] = ()
    """A message without all of these is quarantined whole."""
    ignore: tuple[str, ...] = ()
    """Fields that are no metrics."""
    unknown_fields: Literal["evolve", "quarantine", "ignore"] = "evolve"
    """What becomes of numeric fields that `metrics` does not name."""
    metrics: tuple[str, ...] = ()
    """Known metrics; with none named every field is new and `unknown_fields` must be `evolve`."""


DEFAULT_CONTRACT = Contract(name="default", topic="#")
