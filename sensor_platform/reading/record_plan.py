"""What each field of one shape of record means under a contract. `plan` compiles it."""

from dataclasses import dataclass
from enum import IntEnum

from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.template import TemplatePart


class RecordKind(IntEnum):
    """Where a record comes from."""

    MESSAGE = 0
    """A whole message, or one element of an array of messages."""
    SAMPLE = 1
    """One element of an array of samples, on top of the outer fields that describe it."""
    OUTER = 2
    """What an outer object measures beside its samples."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Columns that may hold a value, first match first, and where else it may come from."""

    columns: tuple[int, ...]
    source: ValueSource
    parts: tuple["LookupPart", ...] = ()
    """They belong to a template; none where this shape cannot fill it."""

    @property
    def is_possible(self) -> bool:
        """Whether this shape can have it at all."""
        return bool(self.columns or self.parts) or self.source.is_outside


@dataclass(frozen=True, slots=True)
class LookupPart:
    """A part of a template, with the columns that may hold it."""

    part: TemplatePart
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A column that holds the values of one metric."""

    column: int
    metric: str
    takes_text: bool = True
    """False for `unit` and `quality`: their numbers are a metric, their text describes the others."""
    takes_numbers: bool = True
    """False for a field of a long message that the contract does not want: its text is still a tag."""
    behind: tuple[int, ...] = ()
    """Columns that the same role is read from first: this one is a metric where one of them has a value."""


@dataclass(frozen=True, slots=True)
class RefusedColumn:
    """A column whose every value is refused."""

    column: int
    rule: str
    reason: str
    metric: str | None


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """How to read records of one shape."""

    contract: Contract
    width: int
    is_long: bool
    device: Lookup
    time: tuple[int, ...]
    time_parts: tuple[LookupPart, ...]
    """They belong to the template of the time."""
    exact_time: int | None
    """Column of a time that the decoder has read; it may be among `time`."""
    message_id: Lookup
    unit: Lookup
    quality: Lookup
    tags: tuple[tuple[str, Lookup], ...]
    spare: tuple[MetricColumn, ...]
    """Fields that stand behind others which name the device, time, message or a tag: tags by their own name."""
    series: tuple[tuple[str | None, Lookup], ...]
    """What comes before the metric's name; a part with a name is written `name=value`."""
    metric: Lookup
    value: Lookup
    metrics: tuple[MetricColumn, ...]
    refused: tuple[RefusedColumn, ...]
    described: tuple[MetricColumn, ...]
    """Columns that only describe a record (device, message, tags, series): an array or object in one is refused."""
    required: tuple[str, ...]
    samples: int | None
    """Column that may hold the array of samples."""
    unfolds: bool
    """Whether objects inside this record are to be opened."""
