"""A payload contract defines how the messages of one topic filter become readings. One YAML file each."""

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from sensor_platform.reading.encodings import ENCODINGS
from sensor_platform.reading.encodings.delimited import CsvForm
from sensor_platform.reading.encodings.influx import InfluxForm
from sensor_platform.reading.encodings.wrapping import Compression, charset_error
from sensor_platform.reading.forms import BlockForm, NumberForm, Sentinels
from sensor_platform.reading.names import filter_error, topic_matches
from sensor_platform.reading.sources import QualitySource, TimeSource, ValueSource

__all__ = [
    "DEFAULT_CONTRACT",
    "TOPIC_DEVICE",
    "Contract",
    "Layout",
    "QualitySource",
    "TimeSource",
    "ValueSource",
    "contract_for",
    "contract_version",
]

Layout = Literal["auto", "wide", "long", "nested", "samples"]
Retained = Literal["quarantine", "uncertain", "accept"]


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of `contracts/`."""

    name: str
    topic: str
    """MQTT topic filter; the first contract (by file name) whose filter matches is used."""
    except_: tuple[str, ...] = msgspec.field(default=(), name="except")
    """Topic filters that this contract does not take; the next contract that matches does."""
    encoding: str = "json"
    """A name in the table `reading.encodings.ENCODINGS`."""
    charset: str = "utf-8"
    """Character set of the payload's text (`latin-1`, `cp1252`, `utf-16`)."""
    compression: Compression = "none"
    """How the whole payload is compressed."""
    csv: CsvForm = CsvForm()
    influx: InfluxForm = InfluxForm()
    root: str | None = None
    """Path of the object that is the message (`object`, `data.readings`), or of an array each of whose elements is one;
    `*` stands for every element or member (`metrics.*`), whose name is the field `@name`. What lies beside it is read
    only where the contract names it."""
    elements: tuple[str, ...] = ()
    """Paths of arrays whose elements are fields by their number (`rxInfo.0.rssi`); `*` for all."""
    block: BlockForm | None = None
    """How arrays of many samples are built."""
    layout: Layout = "auto"
    """`auto` takes wide, nested and arrays of samples, and long where a metric name and a value are present."""
    device: ValueSource = ValueSource(field=("device_id", "sensor_id", "generator_id", "id"), topic_level=-1)
    """Where a contract does not state it, the site puts `TOPIC_DEVICE` here, with its own subscriptions, unless its
    data folder is from before that."""
    time: TimeSource = TimeSource()
    retained: Retained = "quarantine"
    """How a retained MQTT message without a device time is treated: it may be of any age. `quarantine` refuses it,
    `uncertain` takes it at the receive time with that quality, `accept` takes it like every other message."""
    message_id: ValueSource = ValueSource(field=("seq", "sequence", "message_id"))
    metric: ValueSource = ValueSource(field=("metric", "metric_type", "parameter"))
    """For `long`: the name of the metric; the value is in `value`."""
    value: ValueSource = ValueSource(field=("value",))
    unit: ValueSource = ValueSource(field=("unit",))
    quality: QualitySource = QualitySource(field=("quality",))
    series: tuple[str | ValueSource, ...] | Literal["auto"] = ()
    """What tells series of one device and metric apart: it comes before the metric's name (`cpu/cpu0/usage_idle`).
    Names of tags, payload paths, templates or sources. `auto`, for `influx`: the measurement and every tag that has no
    other place in the contract, as that protocol means it."""
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
    strings: Literal["text", "auto", "number", "ignore"] = "text"
    """How text values are read: as text readings; `auto`: numbers and words of two states (`ON`) as numbers, what looks
    like a number in another notation refused, others as text readings; as numbers (other texts are rejected); or
    ignored."""
    numbers: NumberForm | Literal["text"] | None = None
    """How numbers are written in texts (`{decimal: ",", thousands: "."}`); `text` keeps them as texts. Without it a
    text of `plain` or `csv` that looks like a number in another notation is refused."""
    sentinels: Sentinels = ()
    """Values that stand for no value (`[-9999, n/a]`), or metric (or `*`) to such values; they are read as null."""
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
        named = (*sources, *self.series_sources.values())
        return bool(self.time.user_property) or any(each.reads_properties for each in named)

    @property
    def series_sources(self) -> dict[str, ValueSource]:
        """The parts of `series` by name, in their order."""
        parts = () if self.series == "auto" else self.series
        return {
            each if isinstance(each, str) else str(place): _part_of_series(self, each)
            for place, each in enumerate(parts)
        }

    def __post_init__(self) -> None:
        """Check that the keys fit together.

        Raises:
            ValueError: naming the key and the reason.
        """
        if not self.name:
            raise ValueError("name must not be empty")
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding: {self.encoding!r} is not one of {', '.join(ENCODINGS)}")
        _check_topics(self)
        _check_series(self)
        if self.unknown_fields != "evolve" and not self.metrics:
            raise ValueError(f"unknown_fields: {self.unknown_fields} needs `metrics` to name the known ones")
        if self.layout == "long":
            _check_long(self)
        if self.metrics and (lost := sorted(set(self.required_metrics) - set(self.metrics))):
            raise ValueError(f"required_metrics: {lost[0]!r} is not among `metrics`")
        _check_values(self.values)
        _check_units(self.units)
        _check_shape(self)


def _check_shape(contract: Contract) -> None:
    if not contract.samples:
        raise ValueError("samples must name a field")
    if contract.root is not None and not all(contract.root.split(".")):
        raise ValueError("root must be a path like data.readings or metrics.*")
    if reason := charset_error(contract.charset):
        raise ValueError(f"charset: {reason}")
    if contract.encoding == "sparkplug" and (contract.root or contract.elements or contract.block):
        raise ValueError("root, elements and block: encoding `sparkplug` needs none of them")


def _check_series(contract: Contract) -> None:
    if contract.series == "auto" and ENCODINGS[contract.encoding].tags_in is None:
        raise ValueError(f"series: `auto` is for encoding `influx`; name the parts for `{contract.encoding}`")
    if contract.series != "auto" and len(set(map(str, contract.series))) < len(contract.series):
        raise ValueError("series: a part is named twice")
    _ = contract.series_sources


def _check_topics(contract: Contract) -> None:
    for key, each in (("topic", contract.topic), *(("except", each) for each in contract.except_)):
        if reason := filter_error(each):
            raise ValueError(f"{key}: {reason}")


def _part_of_series(contract: Contract, part: str | ValueSource) -> ValueSource:
    """The source of one part of `series`: a tag of the contract, a field, a template, or a source of its own."""
    if isinstance(part, ValueSource):
        return part
    if "{" in part:
        return ValueSource(template=part)
    if part in contract.tags:
        return contract.tags[part]
    path = contract.tags_in or ENCODINGS[contract.encoding].tags_in
    return ValueSource(field=(part,) if path is None else (f"{path}.{part}", part))


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
    if not (contract.metric.fields or contract.metric.is_outside or contract.metric.parts):
        raise ValueError("metric: layout `long` needs to know where the metric's name is")
    if not contract.value.field:
        raise ValueError("value: layout `long` needs to know which field holds the value")


DEFAULT_CONTRACT = Contract(name="default", topic="#")
TOPIC_DEVICE = ValueSource(field=("device_id", "sensor_id", "generator_id"), topic_below=("sensors/#",))
"""The device where a contract does not state it: a field `id` numbers messages or channels as often as devices."""


def contract_for(contracts: Sequence[Contract], topic: str) -> Contract | None:
    """The first contract whose filter matches, or None."""
    return next((contract for contract in contracts if _takes(contract, topic)), None)


def _takes(contract: Contract, topic: str) -> bool:
    return topic_matches(contract.topic, topic) and not any(topic_matches(each, topic) for each in contract.except_)


def contract_version(contracts: Sequence[Contract]) -> str:
    """16 hex digits that change when anything in the contracts, or their order, changes."""
    return hashlib.sha256(msgspec.json.encode(list(contracts), order="deterministic")).hexdigest()[:16]
